import { LabIcon } from '@jupyterlab/ui-components';

/** A 24 by 24 line drawing in the colour of Lab's own icons. */
function icon(name: string, body: string): LabIcon {
  const svgstr =
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24" fill="none" ' +
    'stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" ' +
    `class="tw-svg">${body}</svg>`;
  return new LabIcon({ name: `tradewind:${name}`, svgstr });
}

export const templateIcon = icon(
  'template',
  '<path d="M6 3h9l4 4v14H6z"/><path d="M15 3v4h4"/><path d="M9 16l3-4 2 2 3-4"/>'
);
export const runIcon = icon(
  'run',
  '<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3 2"/>'
);
export const dashboardIcon = icon(
  'dashboard',
  '<rect x="3" y="4" width="18" height="16" rx="1.5"/><path d="M3 9h18M10 9v11"/>'
);
export const dataIcon = icon(
  'data',
  '<ellipse cx="12" cy="6" rx="8" ry="3"/><path d="M4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"/>'
);
export const publishIcon = icon(
  'publish',
  '<path d="M12 15V4M8 8l4-4 4 4"/><path d="M4 14v6h16v-6"/>'
);
