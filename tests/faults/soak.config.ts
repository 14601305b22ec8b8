import { defineConfig } from 'vitest/config'

/**
 * `npm run soak`: every scenario of this folder over many more moments, and one table of all at the end; also the guard's
 * fuzzer over many more texts.
 */
export default defineConfig({
  test: {
    include: ['tests/faults/*.test.ts', 'tests/guard/fuzz.test.ts'],
    env: { GUARD_FUZZ_CASES: process.env.GUARD_FUZZ_CASES ?? '4000' },
    globalSetup: ['tests/faults/soak-report.ts'],
    testTimeout: 900_000,
    hookTimeout: 60_000,
    // One after the other: the limits of heartbeats are real ones.
    fileParallelism: false,
    pool: 'forks',
  },
})
