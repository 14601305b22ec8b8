import type { CLibrary } from '../../../host/c-library.js'
import type { LocalProcess } from './local-process.js'
import { makePipe, openInput, openOutput, type Pipe } from './pipes.js'

/** The child's ends of its pipes; undefined where it has none. */
export type ChildEnds = {
  stdin: number | undefined
  stdout: number
  stderr: number
  script: number | undefined
}

/** The pipes of a process that is to be started, however it is started. `close` is due in each case. */
export class StandardPipes {
  readonly #c: CLibrary
  readonly #all: Pipe[] = []
  readonly #stdin: Pipe | undefined
  readonly #stdout: Pipe
  readonly #stderr: Pipe
  readonly #script: Pipe | undefined

  constructor(c: CLibrary, wanted: { stdin: boolean; script: boolean }) {
    this.#c = c
    try {
      this.#stdin = wanted.stdin ? this.#make('theirs') : undefined
      this.#stdout = this.#make('ours')
      this.#stderr = this.#make('ours')
      this.#script = wanted.script ? this.#make('theirs') : undefined
    } catch (error) {
      this.close()
      throw error
    }
  }

  get theirs(): ChildEnds {
    return {
      stdin: this.#stdin?.theirs,
      stdout: this.#stdout.theirs,
      stderr: this.#stderr.theirs,
      script: this.#script?.theirs,
    }
  }

  /** Our ends as the streams of the process that was started, which close them from here on. */
  processOf(pid: number, exited: LocalProcess['exited']): LocalProcess {
    const inputs = [this.#stdin, this.#script].map((made) => made && openInput(made.ours))
    const out = openOutput(this.#c, this.#stdout.ours)
    const err = openOutput(this.#c, this.#stderr.ours)
    for (const made of this.#all) made.ours = -1
    // What the process itself still held goes with it.
    void exited.then(() => {
      for (const input of inputs) input?.destroy()
    })
    return {
      pid,
      stdin: inputs[0] ?? null,
      script: inputs[1] ?? null,
      stdout: out.pipe,
      stderr: err.pipe,
      exited,
      closed: Promise.all([exited, out.closed, err.closed]).then(() => {}),
    }
  }

  /** Closes the child's ends, which it has of its own by now, and ours where no process came of it. */
  close(): void {
    for (const { ours, theirs } of this.#all) {
      if (ours >= 0) this.#c.close(ours)
      this.#c.close(theirs)
    }
  }

  #make(reader: 'ours' | 'theirs'): Pipe {
    const made = makePipe(this.#c, reader)
    this.#all.push(made)
    return made
  }
}
