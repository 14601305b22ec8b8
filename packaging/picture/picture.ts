import { parseCast } from './recording.js'
import { framesOf } from './screens.js'
import { renderSvg } from './svg.js'

/** What the picture shows, for those who do not see it; the README has the same words. */
const TITLE =
  "A terminal. ogent agents lists three agents. ogent run --all runs a loop on all of them at once, each line behind its agent's name. rm -rf / is refused, with the reason. The client of a command is killed after three seconds; ogent follow shows the command's output from the first number to the last."

/** The picture of the README, from the text of its recording. */
export async function pictureOf(cast: string): Promise<string> {
  const recording = parseCast(cast)
  return renderSvg(await framesOf(recording), { ...recording, title: TITLE, holdSeconds: 4 })
}
