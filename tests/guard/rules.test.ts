import { describe, expect, it } from 'vitest'
import { optimizers } from '../../src/guard/advice/optimizers.js'
import { createGuard } from '../../src/guard/guard.js'
import { rules } from '../../src/guard/rules/families.js'

const guard = await createGuard()

describe('each rule, by its own examples,', () => {
  for (const rule of rules) {
    it.each(rule.caught)(`${rule.id} objects to: %s`, (command) => {
      const { findings, validation } = guard.analyze(command)
      const own = findings.find((finding) => finding.rule === rule.id)
      // A medium finding gives way to a high one for the same part.
      if (own === undefined && rule.severity === 'medium') expect(validation.risk_level).toBe('high')
      else expect(own?.severity).toBe(rule.severity)
    })

    it.each(rule.passed)(`${rule.id} does not object to: %s`, (command) => {
      expect(guard.analyze(command).findings.map((finding) => finding.rule)).not.toContain(rule.id)
    })
  }

  it('has an id of its own family, and examples of both kinds', () => {
    expect(new Set(rules.map((rule) => rule.id)).size).toBe(rules.length)
    for (const rule of rules) {
      expect(rule.id).toMatch(/^[a-z-]+\/[a-z-]+$/)
      expect(rule.caught.length, rule.id).toBeGreaterThan(0)
      expect(rule.passed.length, rule.id).toBeGreaterThan(0)
    }
  })
})

describe('each optimizer, by its own examples,', () => {
  for (const optimizer of optimizers) {
    it.each(optimizer.examples)(`${optimizer.id} rewrites: %s`, (before, after) => {
      expect(guard.analyze(before).optimization.optimized_command).toBe(after)
    })
  }
})
