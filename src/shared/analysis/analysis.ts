import * as z from 'zod'
import { type CommandRequest, executeBodySchema, idSchema } from '../commands/request.js'

/** What a command may do to the machine. `unknown`: it could not be read to its end, so it is not called safe. */
export const riskLevelSchema = z.enum(['low', 'medium', 'high', 'unknown'])
/** What a command may do to the machine: see `riskLevelSchema`. */
export type RiskLevel = z.infer<typeof riskLevelSchema>

/** The command has the same bounds as one that is run: what can be sent can be asked about. */
export const analyzeBodySchema = executeBodySchema.pick({ command: true, system: true, context: true })
/** The schema of `AnalyzeRequest`. */
export const analyzeRequestSchema = analyzeBodySchema.extend({ agent_id: idSchema.optional() })
/** A command that is asked about, within the bounds of one that is run. */
export interface AnalyzeRequest extends Pick<CommandRequest, 'command' | 'system' | 'context'> {
  /** The agent on which it would run, whose machine is then taken into account; none. */
  agent_id?: string | undefined
}

const validationFields = {
  /** True only when the risk is low. */
  safe: z.boolean().describe('true only when the risk is low'),
  /** What the command may do to the machine. */
  risk_level: riskLevelSchema.describe('What the command may do to the machine.'),
  /** One sentence a risk, naming the part of the command. */
  risks: z.array(z.string()).describe('one sentence a risk, naming the part of the command'),
  /** Safer commands, where there are any. */
  suggestions: z.array(z.string()).describe('safer lines, where there are any'),
}
/** The schema of `Validation`. */
export const validationSchema = z.object(validationFields)
/** The risks of a command. */
export interface Validation extends z.infer<z.ZodObject<typeof validationFields>> {}

const optimizationFields = {
  /** The better command; the command itself where nothing is to be gained. */
  optimized_command: z.string().describe('the command itself where nothing is to be gained'),
  /** What is better about it, a sentence each. */
  improvements: z.array(z.string()).describe('What is better about it, a sentence each.'),
  /** Why, for people. */
  explanation: z.string().describe('Why, for people.'),
}
/** The schema of `Optimization`. */
export const optimizationSchema = z.object(optimizationFields)
/** How a command could be better. */
export interface Optimization extends z.infer<z.ZodObject<typeof optimizationFields>> {}

const enrichmentFields = {
  /** What the command is for, as a sentence. */
  purpose: z.string().describe('What the command is for, as a sentence.'),
  /** Its parts, and what each does. */
  components: z.array(z.string()).describe('Its parts, and what each does.'),
  /** What it changes. */
  side_effects: z.array(z.string()).describe('What it changes.'),
  /** What has to be there for it to work. */
  prerequisites: z.array(z.string()).describe('What has to be there for it to work.'),
  /** Other commands that serve a similar purpose. */
  related_commands: z.array(z.string()).describe('Other commands that serve a similar purpose.'),
}
/** The schema of `Enrichment`. */
export const enrichmentSchema = z.object(enrichmentFields)
/** What there is to know of a command. */
export interface Enrichment extends z.infer<z.ZodObject<typeof enrichmentFields>> {}

/** The three parts together: at the top of an analysis, and nested as the original's clients read them. */
export const aiProcessingSchema = z.object({
  validation: validationSchema.describe('The risks of the command.'),
  optimization: optimizationSchema.describe('How the command could be better.'),
  enrichment: enrichmentSchema.describe('What there is to know of the command.'),
})
/** The three parts of an analysis. */
export interface AiProcessing {
  /** The risks of the command. */
  validation: Validation
  /** How the command could be better. */
  optimization: Optimization
  /** What there is to know of the command. */
  enrichment: Enrichment
}

/** What an analysis was made by: the rules of the guard, or a model as well. */
export const analysisSourceSchema = z.enum(['rules', 'ai+rules'])

const commandAnalysisFields = {
  /** What runs: the command, or the optimized one where that was asked for. */
  processed_command: z.string().describe('what runs: the command, or the optimized one where asked for'),
  /** What it was analysed by: the rules of the guard, or a model as well. */
  source: analysisSourceSchema.describe(
    'What it was analysed by: the rules of the guard, or a model as well.',
  ),
}
/** The schema of `CommandAnalysis`. */
export const commandAnalysisSchema = aiProcessingSchema.extend(commandAnalysisFields)
/** What was said of a command before it ran, as its events and its record show it. */
export interface CommandAnalysis extends AiProcessing, z.infer<z.ZodObject<typeof commandAnalysisFields>> {}

const analyzedFields = {
  /** The command that was asked about. */
  command: z.string().describe('The command that was asked about.'),
  /** What would run: the command, or the optimized one where that was asked for. */
  processed_command: z.string().describe('what would run: the command, or the optimized one where asked for'),
}
const analysisFields = {
  /** What it was analysed by: the rules of the guard, or a model as well. */
  source: analysisSourceSchema.describe(
    'What it was analysed by: the rules of the guard, or a model as well.',
  ),
  /** The three parts once more, together. */
  ai_processing: aiProcessingSchema.describe('The three parts once more, together.'),
  /** The agent that was named in the request. */
  agent_id: z.string().optional().describe('The agent that was named in the request.'),
  /** What has to be known to judge the analysis, such as that the model did not answer; a sentence each. */
  warnings: z.array(z.string()).optional().describe('such as: the model did not answer, these are the rules'),
  /** When the analysis was made, as an RFC 3339 time. */
  timestamp: z.string().describe('When the analysis was made, as an RFC 3339 time.'),
}
/** The schema of `Analysis`. */
export const analysisSchema = z.object({ ...analyzedFields, ...aiProcessingSchema.shape, ...analysisFields })
/** What a command would do, said without running it. */
export interface Analysis
  extends AiProcessing,
    z.infer<z.ZodObject<typeof analyzedFields>>,
    z.infer<z.ZodObject<typeof analysisFields>> {
  /** The three parts once more, together. */
  ai_processing: AiProcessing
}
