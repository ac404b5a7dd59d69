import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';

import {
  dashboardIcon,
  dataIcon,
  publishIcon,
  runIcon,
  templateIcon
} from './icons';
import { openPage } from './platform';
import managers from './running';
import { copyTemplate, listTemplates } from './templates';

const CATEGORY = 'Tradewind';
const AFTER_THE_NOTEBOOK = 4000; // milliseconds

const PAGES = [
  { id: 'runs', label: 'Runs', caption: 'Runs and their results', icon: runIcon },
  { id: 'dashboards', label: 'Dashboards', caption: 'Published dashboards', icon: dashboardIcon },
  { id: 'data', label: 'Data', caption: 'Datasets you may read', icon: dataIcon }
];

/** Commands that open the form for the current notebook, saved first so that the form sees what the user sees. */
function addNotebookCommands(app: JupyterFrontEnd, notebooks: INotebookTracker): string[] {
  const form = (path: string) => async () => {
    const panel = notebooks.currentWidget;
    if (!panel) {
      return;
    }
    if (panel.context.model.dirty) {
      await panel.context.save();
    }
    openPage(path, { path: panel.context.path });
  };
  const isEnabled = () => notebooks.currentWidget !== null;
  app.commands.addCommand('tradewind:run-as-job', {
    label: 'Run as a job',
    caption: 'Run this notebook as a job, with its parameters',
    icon: runIcon,
    isEnabled,
    execute: form('runs/new')
  });
  app.commands.addCommand('tradewind:publish', {
    label: 'Publish',
    caption: 'Publish this notebook as a dashboard',
    icon: publishIcon,
    isEnabled,
    execute: form('dashboards/new')
  });
  return ['tradewind:run-as-job', 'tradewind:publish'];
}

function addPageCommands(app: JupyterFrontEnd): string[] {
  return PAGES.map(({ id, label, caption, icon }) => {
    const command = `tradewind:open-${id}`;
    app.commands.addCommand(command, {
      label,
      caption,
      icon,
      execute: () => openPage(id)
    });
    return command;
  });
}

/** A launcher card per template: it copies the template into the home and opens the copy. */
async function addTemplates(app: JupyterFrontEnd, launcher: ILauncher): Promise<void> {
  const contents = app.serviceManager.contents;
  app.commands.addCommand('tradewind:new-from-template', {
    label: args => (args.title as string) ?? 'New from template',
    caption: args => (args.description as string) ?? '',
    icon: templateIcon,
    execute: async args => {
      try {
        const path = await copyTemplate(contents, args.path as string);
        await app.commands.execute('docmanager:open', { path });
      } catch (error) {
        await showErrorMessage('The template could not be copied', error as Error);
      }
    }
  });
  if (PageConfig.getOption('treePath')) {
    // A notebook was asked for, not the launcher: it loads first, with its kernel.
    await app.restored;
    await new Promise(resume => setTimeout(resume, AFTER_THE_NOTEBOOK));
  }
  const templates = await listTemplates(contents);
  templates.forEach((template, rank) =>
    launcher.add({
      command: 'tradewind:new-from-template',
      category: CATEGORY,
      args: { ...template },
      rank
    })
  );
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@tradewind/lab:plugin',
  description: 'Tradewind in the launcher and on the notebook toolbar.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ILauncher, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    launcher: ILauncher | null,
    palette: ICommandPalette | null
  ) => {
    const pages = addPageCommands(app);
    const forms = addNotebookCommands(app, notebooks);
    notebooks.currentChanged.connect(() =>
      forms.forEach(command => app.commands.notifyCommandChanged(command))
    );
    [...pages, ...forms].forEach(command => palette?.addItem({ command, category: CATEGORY }));
    if (launcher) {
      pages.forEach((command, i) =>
        launcher.add({ command, category: CATEGORY, rank: 100 + i })
      );
      void addTemplates(app, launcher);
    }
  }
};

export default [...managers, plugin];
