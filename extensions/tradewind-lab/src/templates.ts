import { Contents } from '@jupyterlab/services';

/** The folder in every home that shows the templates, read-only. */
export const FOLDER = 'templates';

export interface ITemplate {
  path: string;
  title: string;
  description: string;
}

/** List the templates of this installation; none where the folder is missing. */
export async function listTemplates(
  contents: Contents.IManager
): Promise<ITemplate[]> {
  let files: Contents.IModel[];
  try {
    files = (await contents.get(FOLDER, { content: true })).content;
  } catch {
    return [];
  }
  const notebooks = files.filter(file => file.type === 'notebook');
  const described = notebooks.map(async file => {
    const model = await contents.get(file.path, { content: true });
    const about = model.content?.metadata?.tradewind ?? {};
    const name = file.name.replace(/\.ipynb$/, '').replace(/_/g, ' ');
    return {
      path: file.path,
      title: about.title ?? name.charAt(0).toUpperCase() + name.slice(1),
      description: about.description ?? ''
    };
  });
  return Promise.all(described);
}

/** Copy a template into the home under a free name and return the copy's path. */
export async function copyTemplate(
  contents: Contents.IManager,
  path: string
): Promise<string> {
  const template = await contents.get(path, { content: true });
  const stem = template.name.replace(/\.ipynb$/, '');
  const taken = new Set(
    ((await contents.get('', { content: true })).content as Contents.IModel[]).map(
      file => file.name
    )
  );
  let name = `${stem}.ipynb`;
  for (let n = 1; taken.has(name); n++) {
    name = `${stem}-${n}.ipynb`;
  }
  const copy = await contents.save(name, {
    type: 'notebook',
    format: 'json',
    content: template.content
  });
  return copy.path;
}
