import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/build.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Tests start real processes: more workers than cores only make them wait for each other.
    maxWorkers: 2,
    pool: 'forks',
  },
})
