// Continues a text, word by word: stream-text MODEL TEXT
import ApusInference
import ApusModels
import ApusTensor
import Glibc

let arguments = CommandLine.arguments
guard arguments.count == 3, let backend = CPUBackend(threads: 2) else { fatalError("usage: stream-text MODEL TEXT") }
let source = try ModelSource(path: arguments[1])
let model = try Decoder.load(source, on: backend)
let tokenizer = try source.tokenizer()
let prompt = tokenizer.encode(arguments[2])
let stream = try TokenStream(model, positions: prompt.count + 100, cacheType: model.preferredCacheType)
let generation = try Generation(stream, tokenizer: tokenizer, prompt: prompt, maxTokens: 100)
while let piece = try generation.next() {
    print(piece, terminator: "")
    fflush(nil)
}
