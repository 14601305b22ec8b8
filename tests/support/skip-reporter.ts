import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'
import { servicesRequired } from './services.js'

/** Names every skipped test when all have run; a failure where services are required. */
export default class SkipReporter implements Reporter {
  /** A run of chosen tests skips all others, and nobody wants their names. */
  #chosen = false

  onInit(vitest: Vitest): void {
    this.#chosen = vitest.config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (this.#chosen) return
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (skipped.length === 0) return
    const out = servicesRequired ? process.stderr : process.stdout
    out.write(`\nSkipped, ${skipped.length} in all:\n${skipped.map(lineOf).join('')}`)
    if (!servicesRequired) return
    out.write('OGENT_REQUIRE_SERVICES=1 makes a skipped test a failure.\n')
    process.exitCode = 1
  }
}

function lineOf(test: TestCase): string {
  return `  ${test.module.relativeModuleId} > ${test.fullName}\n`
}
