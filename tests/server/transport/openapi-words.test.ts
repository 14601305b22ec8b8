import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { resolved } from '../../support/json-schema.js'
import { type System, startSystem } from '../../support/system.js'

/** What a person reads of the OpenAPI document: a description of every field and parameter, and examples. */

type Schema = Record<string, unknown>
type Content = Record<string, { schema: Schema; example?: unknown }>
type Operation = {
  parameters?: { name: string; description?: string }[]
  requestBody?: { content: Content }
  responses: Record<string, { content?: Content; headers?: Record<string, { description?: string }> }>
}
type Document = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

let system: System
let document: Document
beforeAll(async () => {
  system = await startSystem({ agent: false })
  document = (await (await fetch(`${system.url}/openapi.json`)).json()) as Document
})
afterAll(() => system[Symbol.asyncDispose]())

function operations(): [name: string, operation: Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  )
}

/** Every field below a schema, by where it is, with its description. References are described where they lead. */
function fieldsOf(schema: unknown, place: string): [place: string, description: unknown][] {
  if (typeof schema !== 'object' || schema === null) return []
  if (Array.isArray(schema)) return schema.flatMap((part, at) => fieldsOf(part, `${place}|${at + 1}`))
  const found: [string, unknown][] = []
  for (const [key, part] of Object.entries(schema)) {
    if (key !== 'properties') {
      found.push(...fieldsOf(part, place))
      continue
    }
    for (const [name, field] of Object.entries(part as Record<string, Schema>)) {
      found.push([`${place}.${name}`, field.description], ...fieldsOf(field, `${place}.${name}`))
    }
  }
  return found
}

describe('the OpenAPI document describes', () => {
  /** Prints the share, and names what has none. */
  function expectAll(what: string, found: [place: string, description: unknown][], least: number): void {
    const bare = found.filter(([, said]) => typeof said !== 'string' || said.length < 3)
    const share = (100 * (found.length - bare.length)) / found.length
    console.log(`${found.length} ${what} of the OpenAPI document, ${share.toFixed(1)} % described`)
    expect(found.length).toBeGreaterThan(least)
    expect(bare.map(([place]) => place)).toEqual([])
  }

  test('every field of every schema', () => {
    expectAll('fields', fieldsOf(document.components.schemas, ''), 150)
  })

  test('every parameter and every header', () => {
    const found = operations().flatMap(([name, { parameters = [], responses }]) => [
      ...parameters.map((one): [string, unknown] => [`${name} ${one.name}`, one.description]),
      ...Object.values(responses).flatMap(({ headers = {} }) =>
        Object.entries(headers).map(([header, one]): [string, unknown] => [
          `${name} ${header}`,
          one.description,
        ]),
      ),
    ])
    expectAll('parameters and headers', found, 30)
  })

  test('nothing that has no description, by the check itself', () => {
    const schema = {
      anyOf: [{ properties: { a: { items: { properties: { b: { description: 'yes' } } } } } }],
    }
    expect(fieldsOf({ S: schema }, '')).toEqual([
      ['|1.a', undefined],
      ['|1.a.b', 'yes'],
    ])
  })
})

describe('an operation', () => {
  test('has an example of its body and of its successful reply, which fits the schema', () => {
    let count = 0
    for (const [name, { requestBody, responses }] of operations()) {
      const replies = Object.entries(responses).filter(([status]) => status.startsWith('2'))
      const contents = [requestBody?.content, ...replies.map(([, { content }]) => content)]
      for (const [type, { schema, example }] of contents.flatMap((content) =>
        Object.entries(content ?? {}),
      )) {
        const where = `${name} ${type}`
        expect(example, where).toBeDefined()
        expectFit(schema, example, where)
        count += 1
      }
    }
    console.log(`${count} examples of ${operations().length} operations`)
    expect(count).toBeGreaterThan(20)
  })

  test('is found by the check when its example does not fit', () => {
    const { Agent: schema = {} } = document.components.schemas
    expect(() => expectFit(schema, { agent_id: 7 }, 'a wrong example')).toThrow()
  })
})

function expectFit(schema: Schema, example: unknown, where: string): void {
  const made = z.fromJSONSchema(resolved(schema, document.components.schemas))
  expect(made.safeParse(example).error?.issues ?? [], where).toEqual([])
}
