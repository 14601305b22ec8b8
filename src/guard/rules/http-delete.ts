import type { Invocation } from '../interpreter/programs/invocation.js'
import { operands, valuesOf } from '../interpreter/programs/options.js'
import { wordsOf } from './deeds.js'
import type { Rule } from './rule.js'

const clients = ['curl', 'http', 'https', 'xh', 'wget']

/** Addresses of databases by their ports, followed by an index or a whole database. */
const databaseAddress =
  /:(?:9200|9201|5984|8086|6333|8983|7700)\/(?:(?:indexes|collections|solr)\/)?[^/]*\/?$|\/(?:_all|\*)\/?$/

/** Words of an address that name something that holds the data of others. */
const holderAddress =
  /\/(?:zones|projects|repos\/[^/]+|organi[sz]ations|orgs|tenants|databases|buckets|clusters|indexes|namespaces|vaults|workspaces)\/[^/]+\/?$/

/** A host with a full name: neither this machine nor a container beside it. */
const elsewhere = /^(?:https?:\/\/)?(?!(?:127\.|localhost|0\.0\.0\.0|\[::1\]))[\w-]+(?:\.[\w-]+)+(?::\d+)?\//

/** Calls of services over HTTP that delete. */
export const httpDelete: readonly Rule[] = [
  {
    id: 'databases/drop-over-http',
    title: 'Deletes an index or a database over HTTP',
    severity: 'high',
    programs: clients,
    finds: (run) =>
      (deletes(run) && addresses(run).find((address) => databaseAddress.test(address))) ||
      (/_delete_by_query/.test(wordsOf(run)) && /match_all/.test(wordsOf(run))),
    risk: (what) => `deletes ${what} and the documents in it`,
    caught: [
      'curl -XDELETE localhost:9200/_all',
      'curl -X DELETE http://es:9200/logs-*',
      'curl --request DELETE http://c:5984/db',
      `curl -XPOST es:9200/x/_delete_by_query -d '{"query": {"match_all": {}}}'`,
    ],
    passed: [
      'curl localhost:9200/_cat/indices',
      'curl -X DELETE http://api/items/1',
      'curl -XGET localhost:9200/_all',
    ],
  },
  {
    id: 'cloud/delete-over-http',
    title: 'Deletes what holds the data of others over HTTP',
    severity: 'high',
    programs: clients,
    finds: (run) => deletes(run) && addresses(run).find((address) => holderAddress.test(address)),
    risk: (what) => `deletes ${what} and all data in it`,
    caught: ['curl -X DELETE https://dns.example.net/client/v4/zones/0123'],
    passed: ['curl -X DELETE https://dns.example.net/zones/0123/records/7', 'curl https://x.example/zones/1'],
  },
  {
    id: 'cloud/delete-one-over-http',
    title: 'Deletes something at a service over HTTP',
    severity: 'medium',
    programs: clients,
    finds: (run) => deletes(run) && addresses(run).find((address) => elsewhere.test(address)),
    risk: (what) => `deletes ${what}, possibly for good`,
    caught: [
      'curl -X DELETE https://api.example.net/carts/4711',
      'http DELETE https://api.example.net/carts/1',
    ],
    passed: ['curl -X DELETE http://localhost:3000/carts/1', 'curl https://api.example.net/carts/4711'],
  },
]

function deletes(run: Invocation): boolean {
  const method = /^(?:http|https|xh)$/.test(run.program)
    ? operands(run)[0]?.value
    : valuesOf(run, 'X', 'request', 'method')[0]?.value
  return method?.toUpperCase() === 'DELETE'
}

function addresses(run: Invocation): readonly string[] {
  return operands(run, 'X', 'H', 'd', 'u', 'request').map((field) => field.value.split(/[?#]/)[0] ?? '')
}
