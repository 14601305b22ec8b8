import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'

/** The modules of the package that programs import, with the page that each gets. */
export const modules = { 'ogent/client': 'client', 'ogent/shared': 'shared' } as const

/** Writes the reference of the SDK, made by TypeDoc of its doc comments, as Markdown: a page for each module. */
export async function writeTypeScript(root: URL, folder: URL): Promise<void> {
  register('./packaging/site/typescript-5.mjs', root)
  const { Application, Converter, LogLevel, ReflectionKind } = await import('typedoc')
  const entries = Object.values(modules).map((name) => fileURLToPath(new URL(`src/${name}/index.ts`, root)))
  const options = {
    entryPoints: entries,
    tsconfig: fileURLToPath(new URL('tsconfig.build.json', root)),
    plugin: ['typedoc-plugin-markdown'],
    outputs: [{ name: 'markdown', path: fileURLToPath(folder) }],
    // The compiler that checks this repository is another one.
    skipErrorChecking: true,
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    disableSources: true,
    disableGit: true,
    readme: 'none',
    logLevel: LogLevel.Error,
    router: 'module',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    sanitizeComments: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    indexFormat: 'table',
    // Where a field comes from is of no use to who reads it.
    tableColumnSettings: { hideInherited: true, hideOverrides: true },
    pageTitleTemplates: { module: ({ name }: { name: string }) => `ogent/${name}` },
  }
  const app = await Application.bootstrapWithPlugins(options)
  // Their types say less than the tables of reference.md do, in more words.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const variables = project.getReflectionsByKind(ReflectionKind.Variable)
    for (const one of variables) if (/Schema$/.test(one.name)) project.removeReflection(one)
  })
  const project = await app.convert()
  if (!project) throw new Error('TypeDoc could not read the sources.')
  await app.generateOutputs(project)
  for (const name of Object.values(modules)) tidy(new URL(`${name}.md`, folder))
  rmSync(new URL('README.md', folder))
  if (app.logger.hasErrors()) throw new Error('TypeDoc reported errors.')
}

/** Rows of tables have anchors in HTML, which the site does not take: links to them become plain. */
function tidy(page: URL): void {
  const text = readFileSync(page, 'utf8')
    .replaceAll(/<a id="[^"]*"><\/a> /g, '')
    .replaceAll(/\[([^\]]+)\]\((?:\w+\.md)?#property-[\w-]+\)/g, '$1')
  writeFileSync(page, text)
}
