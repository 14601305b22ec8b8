/** A browser has streams of the web alone to write to. */
export class NodeSink {
  constructor() {
    throw new TypeError('In a browser, pipeTo takes a WritableStream.')
  }
}
