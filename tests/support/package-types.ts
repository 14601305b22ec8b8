import { join } from 'node:path'
import ts from 'typescript-5-9'
import { repository } from './samples.js'

/** The declarations of the built package, as the compiler that editors ask reads them. */

const paths = ['client', 'shared'].map((entry) => join(repository, `dist/${entry}/index.d.ts`))
const program = ts.createProgram(paths, {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  types: [],
})
const checker = program.getTypeChecker()

export const entries = ['client', 'shared'] as const

/** What an entry exports: types and values. The router is tRPC's to show. */
export function exportsOf(entry: (typeof entries)[number]): ts.Symbol[] {
  const path = join(repository, `dist/${entry}/index.d.ts`)
  const file = program.getSourceFile(path)
  const module = file && checker.getSymbolAtLocation(file)
  if (!module) throw new Error(`${path} is no module.`)
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter(({ name }) => name !== 'AppRouter')
}

/** The types, interfaces and classes that the entries export, by name. */
export function exportedTypes(): Map<string, ts.Type> {
  const kinds = ts.SymbolFlags.TypeAlias | ts.SymbolFlags.Interface | ts.SymbolFlags.Class
  const symbols = entries.flatMap(exportsOf)
  return new Map(
    symbols
      .filter((symbol) => symbol.flags & kinds)
      .map((symbol) => [symbol.name, checker.getDeclaredTypeOfSymbol(symbol)]),
  )
}

export function typeNamed(name: string): ts.Type {
  const type = exportedTypes().get(name)
  if (!type) throw new Error(`${name} is not exported.`)
  return type
}

/** Something that callers hand over: a parameter, or a property of one. */
export type Input = { path: string; doc: string; type: ts.Type; optional: boolean }

/** All that the calls of these methods and functions take, by the way to it; what is declared elsewhere is not looked into. */
export function inputsOf(callables: ts.Symbol[]): Input[] {
  const found: Input[] = []
  const seen = new Set<ts.Type>()
  const visit = (type: ts.Type, path: string): void => {
    const bare = checker.getNonNullableType(type)
    if (bare.isUnion()) {
      for (const part of bare.types) visit(part, path)
      return
    }
    const [item] = checker.isArrayType(bare) ? checker.getTypeArguments(bare as ts.TypeReference) : []
    if (item) return visit(item, `${path}[]`)
    if (seen.has(bare) || checker.getSignaturesOfType(bare, ts.SignatureKind.Call).length > 0) return
    seen.add(bare)
    for (const property of propertiesOf(bare)) {
      const input = inputAt(property, `${path}.${property.name}`)
      found.push({ ...input, doc: docOf(property) })
      visit(input.type, input.path)
    }
  }
  for (const callable of callables) {
    for (const signature of checker.getSignaturesOfType(typeOf(callable), ts.SignatureKind.Call)) {
      for (const parameter of signature.getParameters()) {
        const { type, path } = inputAt(parameter, `${callable.name}(${parameter.name})`)
        visit(type, path)
      }
    }
  }
  return found
}

function inputAt(symbol: ts.Symbol, path: string): Omit<Input, 'doc'> {
  return { path, type: typeOf(symbol), optional: (symbol.flags & ts.SymbolFlags.Optional) !== 0 }
}

function typeOf(symbol: ts.Symbol): ts.Type {
  const [declaration] = symbol.declarations ?? []
  return declaration
    ? checker.getTypeOfSymbolAtLocation(symbol, declaration)
    : checker.getTypeOfSymbol(symbol)
}

/** The public properties that a reader of this type meets; of each kind, where there are several. */
export function propertiesOf(type: ts.Type): ts.Symbol[] {
  if (type.isUnion()) return type.types.flatMap(propertiesOf)
  if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return []
  return checker.getPropertiesOfType(type).filter((symbol) => isOurs(symbol) && !symbol.name.includes('#'))
}

/** Not those of an Error or an array, which TypeScript's own libraries declare. */
function isOurs({ declarations = [] }: ts.Symbol): boolean {
  return declarations.some((declaration) => {
    const { fileName } = declaration.getSourceFile()
    return fileName.startsWith(join(repository, 'dist/'))
  })
}

export function docOf(symbol: ts.Symbol): string {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker))
}

/** The type of a property as an editor writes it. */
export function hoverOf(property: ts.Symbol): string {
  const [declaration] = property.declarations ?? []
  if (!declaration) throw new Error(`${property.name} is declared nowhere.`)
  return checker.typeToString(checker.getTypeOfSymbolAtLocation(property, declaration))
}

/** The name of a type that may be left out, without saying so. */
export function nameOfType(type: ts.Type): string {
  return checker.typeToString(checker.getNonNullableType(type))
}
