import { defineConfig } from 'vitest/config'

/**
 * `npm run soak`: every scenario of this folder over many more moments, and one table of all at the end; also the fuzzers
 * of the guard and of the API over many more inputs.
 */
export default defineConfig({
  test: {
    include: ['tests/faults/*.test.ts', 'tests/guard/fuzz.test.ts', 'tests/e2e/fuzz.test.ts'],
    env: {
      GUARD_FUZZ_CASES: process.env.GUARD_FUZZ_CASES ?? '4000',
      OGENT_FUZZ: process.env.OGENT_FUZZ ?? '2',
    },
    setupFiles: ['tests/support/no-proxy.ts'],
    globalSetup: ['tests/faults/soak-report.ts'],
    testTimeout: 900_000,
    hookTimeout: 60_000,
    // One after the other: the limits of heartbeats are real ones.
    fileParallelism: false,
    pool: 'forks',
  },
})
