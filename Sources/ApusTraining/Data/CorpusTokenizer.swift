import ApusBase
import ApusTokenizers
import Synchronization

/// Turns files of text into the files of Megatron-LM, on several threads, some megabytes at a time in memory.
package struct CorpusTokenizer: Sendable {
    let encoder: DocumentEncoder
    let threads: Int

    package init(_ encoder: DocumentEncoder, threads: Int) {
        self.encoder = encoder
        self.threads = threads
    }

    /// `PREFIX.bin` and `PREFIX.idx`, all in them but not yet in their places; documents without tokens are left out.
    /// - Parameter check: called between pieces of work; what it throws ends the work, and nothing is left behind.
    package func tokenize(_ paths: [String], prefix: String, check: () throws -> Void = {}) throws -> IndexedDatasetWriter {
        var files = try DocumentFiles(paths)
        let size = encoder.tokenizer.vocabularySize
        let writer = try IndexedDatasetWriter(prefix: prefix, type: encoder.marksAnswers ? .i32 : IndexedType(vocabularySize: size))
        while let documents = try files.next(bytes: 1 << 22) {
            try check()
            for ids in try encoded(documents) where !ids.isEmpty { try writer.append(ids) }
        }
        guard writer.tokens > 0 else { throw InputError(paths.joined(separator: ", "), "no tokens are in the files", remedy: "give files with text") }
        return writer
    }

    private func encoded(_ documents: [SourceDocument]) throws(InputError) -> [[Int32]] {
        let results = Mutex([Result<[Int32], InputError>?](repeating: nil, count: documents.count)), taken = Atomic<Int>(0)
        WorkerThreads.run(min(threads, documents.count)) { _ in
            while true {
                let index = taken.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < documents.count else { return }
                let result = Result { () throws(InputError) in try encoder.ids(documents[index]) }
                results.withLock { $0[index] = result }
            }
        }
        var ids: [[Int32]] = []
        for result in results.withLock({ $0 }) { ids.append(try result!.get()) }
        return ids
    }
}
