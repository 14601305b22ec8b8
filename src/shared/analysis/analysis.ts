import * as z from 'zod'
import { executeBodySchema, idSchema } from '../commands/request.js'

/** What a command may do to the machine. `unknown`: it could not be read to its end, so it is not called safe. */
export const riskLevelSchema = z.enum(['low', 'medium', 'high', 'unknown'])
export type RiskLevel = z.infer<typeof riskLevelSchema>

/** The command has the same bounds as one that is run: what can be sent can be asked about. */
export const analyzeBodySchema = executeBodySchema.pick({ command: true, system: true, context: true })
export const analyzeRequestSchema = analyzeBodySchema.extend({ agent_id: idSchema.optional() })
export type AnalyzeRequest = z.input<typeof analyzeRequestSchema>

export const validationSchema = z.object({
  safe: z.boolean().describe('true only when the risk is low'),
  risk_level: riskLevelSchema,
  risks: z.array(z.string()).describe('one sentence a risk, naming the part of the command'),
  suggestions: z.array(z.string()).describe('safer lines, where there are any'),
})
export type Validation = z.infer<typeof validationSchema>

export const optimizationSchema = z.object({
  optimized_command: z.string().describe('the command itself where nothing is to be gained'),
  improvements: z.array(z.string()),
  explanation: z.string(),
})
export type Optimization = z.infer<typeof optimizationSchema>

export const enrichmentSchema = z.object({
  purpose: z.string(),
  components: z.array(z.string()),
  side_effects: z.array(z.string()),
  prerequisites: z.array(z.string()),
  related_commands: z.array(z.string()),
})
export type Enrichment = z.infer<typeof enrichmentSchema>

/** The three parts together: at the top of an analysis, and nested as the original's clients read them. */
export const aiProcessingSchema = z.object({
  validation: validationSchema,
  optimization: optimizationSchema,
  enrichment: enrichmentSchema,
})
export type AiProcessing = z.infer<typeof aiProcessingSchema>

export const analysisSourceSchema = z.enum(['rules', 'ai+rules'])

/** What was said of a command before it ran, as its events and its record show it. */
export const commandAnalysisSchema = aiProcessingSchema.extend({
  processed_command: z.string().describe('what runs: the command, or the optimized one where asked for'),
  source: analysisSourceSchema,
})
export type CommandAnalysis = z.infer<typeof commandAnalysisSchema>

export const analysisSchema = z.object({
  command: z.string(),
  processed_command: z.string().describe('what would run: the command, or the optimized one where asked for'),
  ...aiProcessingSchema.shape,
  source: analysisSourceSchema,
  ai_processing: aiProcessingSchema,
  agent_id: z.string().optional(),
  warnings: z.array(z.string()).optional().describe('such as: the model did not answer, these are the rules'),
  timestamp: z.string(),
})
export type Analysis = z.infer<typeof analysisSchema>
