import {
  IConnectionStatus,
  IKernelManager,
  IServerSettings,
  ISessionManager,
  Kernel,
  KernelAPI,
  KernelManager,
  ServerConnection,
  ServiceManagerPlugin,
  Session,
  SessionAPI,
  SessionManager
} from '@jupyterlab/services';

/**
 * Lab's lists of running kernels and sessions, never older than a session that it has started itself.
 *
 * Lab closes the connection of every session that a list does not name. A list that the server made before a
 * session, but that arrives after it, so takes the kernel from a notebook that was just opened: it says "No
 * Kernel" and runs nothing (jupyterlab/jupyterlab#9441). Such a list is asked for again.
 */
let started = 0;

async function current<T>(list: () => Promise<T>): Promise<T> {
  for (;;) {
    const before = started;
    const listed = await list();
    if (before === started) {
      return listed;
    }
  }
}

async function start<T>(make: () => Promise<T>): Promise<T> {
  const made = await make();
  started += 1;
  return made;
}

class Kernels extends KernelAPI.KernelAPIClient {
  listRunning(): Promise<Kernel.IModel[]> {
    return current(() => super.listRunning());
  }

  startNew(options?: Kernel.IKernelOptions): Promise<Kernel.IModel> {
    return start(() => super.startNew(options));
  }
}

class Sessions extends SessionAPI.SessionAPIClient {
  listRunning(): Promise<Session.IModel[]> {
    return current(() => super.listRunning());
  }

  startNew(options: Session.ISessionOptions): Promise<Session.IModel> {
    return start(() => super.startNew(options));
  }

  update(model: Parameters<SessionAPI.SessionAPIClient['update']>[0]): Promise<Session.IModel> {
    return start(() => super.update(model)); // it may have got another kernel
  }
}

const standby = (status: IConnectionStatus | null) => () =>
  !status?.isConnected || 'when-hidden';

const kernels: ServiceManagerPlugin<Kernel.IManager> = {
  id: '@tradewind/lab:kernel-manager',
  description: 'The kernel manager, with lists no older than what it has started.',
  autoStart: true,
  provides: IKernelManager,
  optional: [IServerSettings, IConnectionStatus],
  activate: (
    _: null,
    serverSettings: ServerConnection.ISettings | undefined,
    status: IConnectionStatus | null
  ) =>
    new KernelManager({
      serverSettings,
      standby: standby(status),
      kernelAPIClient: new Kernels({ serverSettings })
    })
};

const sessions: ServiceManagerPlugin<Session.IManager> = {
  id: '@tradewind/lab:session-manager',
  description: 'The session manager, with lists no older than what it has started.',
  autoStart: true,
  provides: ISessionManager,
  requires: [IKernelManager],
  optional: [IServerSettings, IConnectionStatus],
  activate: (
    _: null,
    kernelManager: Kernel.IManager,
    serverSettings: ServerConnection.ISettings | undefined,
    status: IConnectionStatus | null
  ) =>
    new SessionManager({
      kernelManager,
      serverSettings,
      standby: standby(status),
      sessionAPIClient: new Sessions({ serverSettings })
    })
};

export default [kernels, sessions];
