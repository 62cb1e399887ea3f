import ApusBase
import ApusDescription
import ApusTemplates
import ApusTokenizers
import Glibc

@testable import ApusTraining

/// Files and small values that several suites need.
enum Goldens {
    static let folder = parentFolder(parentFolder(#filePath)) + "/Goldens/"

    /// A byte-level tokenizer with BOS, EOS and a chat template.
    static func chat() throws -> (tokenizer: Tokenizer, template: ChatTemplate) {
        let bytes = try FileReader.contents(of: folder + "chat/tokenizer.json"), config = try FileReader.contents(of: folder + "chat/tokenizer_config.json")
        let source = try JSON(parsing: config, subject: "config")["chat_template"]!.string!
        return (
            try Tokenizer(tokenizerJSON: bytes, config: config, subject: "tokenizer.json"), try ChatTemplate(source: source, name: "chat")
        )
    }
}

extension ScratchFolder {
    /// Writes a file and returns its path.
    func write(_ name: String, _ text: String) throws -> String {
        let file = try AtomicFile(path: path + "/" + name)
        try file.write(Array(text.utf8))
        try file.commit()
        return file.path
    }

    /// Writes documents of ids as a data set and returns its prefix.
    func write(_ name: String, documents: [[Int32]], type: IndexedType = .u16) throws -> String {
        let writer = try IndexedDatasetWriter(prefix: path + "/" + name, type: type)
        for document in documents { try writer.append(document) }
        try writer.finish()
        return path + "/" + name
    }
}

extension DataRecipe {
    /// Of a model of 1000 ids, without a tokenizer.
    init(_ sources: [DataSource], in folder: ScratchFolder, _ change: (inout DataRecipe) -> Void = { _ in }) {
        var configuration = TrainingConfiguration()
        configuration.data.train = sources
        configuration.data.sequenceLength = 8
        var model = ModelDescriptionKeys()
        model.vocabularySize = 1000
        self.init(
            training: configuration, model: model.description, tokenizer: nil, template: nil, scratchFolder: folder.path, threads: 2)
        change(&self)
    }
}
