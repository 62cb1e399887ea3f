import ApusBase
import ApusCheckpoints

/// A GGUF file (keys: github.com/ggml-org/ggml/blob/master/docs/gguf.md).
enum GGUFSource {
    static func open(_ path: String) throws(InputError) -> ModelSource {
        let file = try GGUFFile(path: path)
        guard let architecture = try file.metadata.string("general.architecture") else {
            throw InputError(path, at: "metadata general.architecture", "is missing", remedy: "this file holds no language model")
        }
        guard let family = Families.gguf(architecture) else {
            throw InputError(
                path, at: "metadata general.architecture", "\(architecture) is not supported",
                remedy: "supported are \(Families.ggufArchitectures.joined(separator: ", "))")
        }
        var reader = try GGUFReader(file, architecture: architecture)
        let description = try family.description(of: &reader)
        try reader.finish()
        let layout = family.ggufLayout(of: description).withQueryKeyValue(packed: reader.has("blk.0.attn_qkv.weight"))
        return try ModelSource(path: path, description: description, checkpoint: file, layout: layout, gguf: file.metadata)
    }
}
