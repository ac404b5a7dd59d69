// Loaded into configurable-http-proxy before it starts (node --import): keeps connections to Unix sockets alive.
//
// The proxy keeps its connections to ports alive, but opens one for every request to a Unix socket, where users'
// servers listen, and asks the server to close it. Node ends a request that has a body by writing nothing at all.
// On a Unix socket that fails with EPIPE once the server has answered and closed: a request that was carried out,
// the start of a kernel or the saving of a notebook, then comes back as "503" (nodejs/node#40553, #41062).

import { realpathSync } from "node:fs";
import http from "node:http";
import { pathToFileURL } from "node:url";

const script = pathToFileURL(realpathSync(process.argv[1]));
const { ConfigurableProxy } = await import(new URL("../lib/configproxy.js", script));

const agent = new http.Agent({ keepAlive: true });
const original = ConfigurableProxy.prototype.proxyOptsForTarget;

ConfigurableProxy.prototype.proxyOptsForTarget = function (target) {
  const options = original.call(this, target);
  return options.target.socketPath ? { ...options, agent } : options;
};
