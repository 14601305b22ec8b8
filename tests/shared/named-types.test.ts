import { expect, test } from 'vitest'
import type * as z from 'zod'
import type * as shared from '../../src/shared/index.js'

/** All names of the fields of a type, of each kind where there are several. */
type Fields<T> = T extends unknown ? keyof T : never
type Covers<A, B> = [A] extends [B] ? true : false
/** A named type and a schema say the same: each takes the other's values, and neither has a field that the other lacks. */
type Same<Named, Schema extends z.ZodType, Inferred = z.output<Schema>> =
  | Covers<Named, Inferred>
  | Covers<Inferred, Named>
  | Covers<Fields<Named>, Fields<Inferred>>
  | Covers<Fields<Inferred>, Fields<Named>>
type SameInput<Named, Schema extends z.ZodType> = Same<Named, Schema, z.input<Schema>>
type S = typeof shared

/** `false` is a part of each that does not hold. */
type Checks = {
  Agent: Same<shared.Agent, S['agentSchema']>
  AgentQuery: Same<shared.AgentQuery, S['agentQuerySchema']>
  AgentInfo: Same<shared.AgentInfo, S['agentInfoSchema']>
  AiProcessing: Same<shared.AiProcessing, S['aiProcessingSchema']>
  Analysis: Same<shared.Analysis, S['analysisSchema']>
  AnalyzeRequest: SameInput<shared.AnalyzeRequest, S['analyzeRequestSchema']>
  CommandAnalysis: Same<shared.CommandAnalysis, S['commandAnalysisSchema']>
  CommandDetail: Same<shared.CommandDetail, S['commandDetailSchema']>
  CommandEvent: Same<shared.CommandEvent, S['commandEventSchema']>
  CommandPage: Same<shared.CommandPage, S['commandPageSchema']>
  CommandQuery: Same<shared.CommandQuery, S['commandQuerySchema']>
  CommandRecord: Same<shared.CommandRecord, S['commandRecordSchema']>
  CommandRequest: SameInput<shared.CommandRequest, S['commandRequestSchema']>
  ParsedCommandRequest: Same<shared.ParsedCommandRequest, S['commandRequestSchema']>
  CommandResult: Same<shared.CommandResult, S['commandResultSchema']>
  ExitReport: Same<shared.ExitReport, S['exitReportSchema']>
  Hello: Same<shared.Hello, S['helloSchema']>
  Identity: Same<shared.Identity, S['identitySchema']>
  LinkEvent: Same<shared.LinkEvent, S['linkEventSchema']>
  Report: Same<shared.Report, S['reportSchema']>
  ReportBatch: Same<shared.ReportBatch, S['reportBatchSchema']>
  ResultReport: Same<shared.ResultReport, S['resultReportSchema']>
}

/** What of the checks does not hold, by name. */
type Wrong = { [K in keyof Checks]: false extends Checks[K] ? K : never }[keyof Checks]
type Nothing<T extends never> = T

test('each named type is that of its schema, checked by the compiler', () => {
  const wrong: Nothing<Wrong>[] = []
  // The check finds what it looks for.
  const found: false extends Same<Omit<shared.Agent, 'labels'>, S['agentSchema']> ? true : false = true
  const optional: false extends Same<Omit<shared.Hello, 'machine'>, S['helloSchema']> ? true : false = true
  expect([wrong, found, optional]).toEqual([[], true, true])
})
