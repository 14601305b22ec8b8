import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    setupFiles: ['tests/support/no-proxy.ts'],
    globalSetup: ['tests/support/build.ts', 'tests/support/load.ts'],
    // Guards against hanging, not claims about speed: they hold on a machine that is busy with other work too.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Tests start real processes: more workers than cores only make them wait for each other.
    maxWorkers: 2,
    pool: 'forks',
  },
})
