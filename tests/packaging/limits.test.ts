import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { readRepository } from '../support/samples.js'

test.each(['agent', 'controller'])(
  'the unit of the %s limits its processes, its memory and its cores',
  (role) => {
    const unit = readRepository(`packaging/systemd/ogent-${role}.service`)
    expect(unit).toMatch(/^TasksMax=\d+$/m)
    expect(unit).toMatch(/^MemoryMax=\d+[G%]$/m)
    expect(unit).toMatch(/^LimitCORE=0$/m)
  },
)

type Service = { mem_limit?: string; pids_limit?: number; ulimits?: { core?: number } }
const { services }: { services: Record<string, Service> } = parse(readRepository('docker-compose.yml'), {
  merge: true,
})

test.each(Object.keys(services))('the service %s of docker-compose.yml has limits', (name) => {
  const { mem_limit, pids_limit } = services[name] ?? {}
  expect(mem_limit).toMatch(/^\d+g$/)
  expect(pids_limit).toBeGreaterThan(0)
})

test.each(['controller', 'agent', 'redis'])(
  'the service %s dumps no core, which would contain secrets',
  (name) => {
    expect(services[name]?.ulimits).toEqual({ core: 0 })
  },
)
