import ts from 'typescript-5-9'
import { describe, expect, test } from 'vitest'
import { docOf, exportedTypes, hoverOf, propertiesOf, typeNamed } from '../support/package-types.js'

/** What an editor shows of the package's types, asked of the compiler that editors ask. */

const types = exportedTypes()

/** Of the properties of exported types, the part that has a doc at least. */
const DOCUMENTED = 0.95

describe('a method', () => {
  // Each once, also where several handles have one of its name.
  const methods = ['OgentClient', 'CommandMethods', 'AgentMethods', 'RemoteAgent', 'CommandRun'].flatMap(
    (owner) => propertiesOf(typeNamed(owner)).map((property) => ({ owner, property })),
  )
  const shown = methods
    .filter(({ property }) => !property.name.startsWith('_') && property.name !== 'then')
    .map(({ owner, property }) => [`${owner}.${property.name}`, hoverOf(property)] as const)

  test('is one of those that the SDK documents', () => {
    const names = shown.map(([name]) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        'OgentClient.execute',
        'OgentClient.status',
        'CommandMethods.attach',
        'AgentMethods.watch',
        'CommandRun.stdout',
      ]),
    )
    expect(names.length).toBeGreaterThan(25)
  })

  test.each(shown)('%s shows types by their names when it is hovered', (_name, hover) => {
    // The dots before a parameter that takes all the rest cut nothing off.
    expect(hover.replaceAll(/\.\.\.(?=\w+: )/g, '')).not.toMatch(/[{…]|\.\.\.|\bany\b|\bz\.|Zod/)
  })

  test('is found by the check when it shows a type without a name', () => {
    const wall = 'export declare function f(options: { from_seq?: number }): Promise<{ command_id: string }>'
    const file = ts.createSourceFile('wall.d.ts', wall, ts.ScriptTarget.ES2022)
    const host = ts.createCompilerHost({})
    const own: ts.CompilerHost = {
      ...host,
      getSourceFile: (name, ...rest) => (name === 'wall.d.ts' ? file : host.getSourceFile(name, ...rest)),
    }
    const other = ts.createProgram(['wall.d.ts'], { types: [] }, own)
    const [declaration] = file.statements
    if (!declaration) throw new Error('The file is empty.')
    const type = other.getTypeChecker().getTypeAtLocation(declaration)
    expect(other.getTypeChecker().typeToString(type)).toContain('{')
  })
})

describe('an exported type', () => {
  const fields = [...types].flatMap(([name, type]) =>
    propertiesOf(type).map((property) => ({ name: `${name}.${property.name}`, doc: docOf(property) })),
  )

  test('has a doc on every field that is hovered', () => {
    const bare = fields.filter(({ doc }) => doc === '').map(({ name }) => name)
    console.log(`${fields.length} properties of ${types.size} exported types, ${bare.length} without a doc`)
    expect(fields.length).toBeGreaterThan(500)
    // Named, so that a failure says what to write.
    expect(bare.slice(0, Math.max(0, bare.length - (1 - DOCUMENTED) * fields.length))).toEqual([])
  })

  test('has the docs of its schema when it is inferred from one', () => {
    const agent = new Map(
      propertiesOf(typeNamed('Agent')).map((property) => [property.name, docOf(property)]),
    )
    expect(agent.get('agent_id')).toBe('The id of the agent, by which commands are sent to it.')
    expect(agent.get('agent_info')).toBe('What it says of its machine and of itself.')
  })

  test.each(['Agent', 'AgentEvent', 'Analysis', 'CommandDetail', 'CommandEvent', 'CommandRequest', 'Report'])(
    '%s has a doc of its own',
    (name) => {
      const symbol = typeNamed(name).aliasSymbol ?? typeNamed(name).symbol
      expect(docOf(symbol)).not.toBe('')
    },
  )
})
