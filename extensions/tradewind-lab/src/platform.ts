import { PageConfig, URLExt } from '@jupyterlab/coreutils';

/** The address of one of the platform's pages, with its query. */
export function page(path: string, query: Record<string, string> = {}): string {
  const hub = PageConfig.getOption('hubPrefix') || '/hub/';
  const base = hub.replace(/hub\/?$/, '');
  const search = new URLSearchParams(query).toString();
  const url = URLExt.join(base, 'services', 'tradewind', path);
  return search ? `${url}?${search}` : url;
}

/** Open one of the platform's pages beside Lab. */
export function openPage(path: string, query: Record<string, string> = {}): void {
  window.open(page(path, query), '_blank', 'noopener');
}
