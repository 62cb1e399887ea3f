import ApusBase
import Glibc

/// Which files of a repository are fetched.
enum FileSelection {
    /// With patterns, the names that one of them matches as a shell pattern whose `*` also crosses `/`. Otherwise the files in the top folder
    /// that running a model takes: configuration, tokenizer, chat template and safetensors; where there are none the GGUF file, and without
    /// that PyTorch's files.
    static func choose(from names: [String], include: [String], repository: RepositoryID) throws(InputError) -> [String] {
        guard include.isEmpty else {
            let chosen = names.filter { name in include.contains { fnmatch($0, name, 0) == 0 } }
            guard !chosen.isEmpty else {
                throw InputError("\(repository)", "no file matches --include \(include.joined(separator: " --include "))", remedy: listing(names))
            }
            return chosen
        }
        let top = names.filter { !$0.contains("/") }
        var weights = top.filter { $0.hasSuffix(".safetensors") }
        // The same weights under Mistral's own names.
        let renamed = weights.filter { !$0.hasPrefix("consolidated") }
        if !renamed.isEmpty { weights = renamed }
        if weights.isEmpty {
            weights = top.filter { $0.hasSuffix(".gguf") }
            guard weights.count < 2 else {
                throw InputError("\(repository)", "holds \(weights.count) .gguf files", remedy: "choose with --include: \(weights.joined(separator: ", "))")
            }
        }
        if weights.isEmpty { weights = top.filter { $0.hasPrefix("pytorch_model") && $0.hasSuffix(".bin") } }
        guard !weights.isEmpty else {
            throw InputError(
                "\(repository)", "holds neither .safetensors nor .gguf nor pytorch_model*.bin files in its top folder",
                remedy: "choose files with --include; " + listing(names))
        }
        return top.filter(isDescription) + weights
    }

    private static func isDescription(_ name: String) -> Bool {
        [".json", ".jinja", ".model", ".tiktoken"].contains { name.hasSuffix($0) } || name == "merges.txt" || name == "vocab.txt"
    }

    private static func listing(_ names: [String]) -> String {
        "it holds " + names.prefix(20).joined(separator: ", ") + (names.count > 20 ? " and \(names.count - 20) more" : "")
    }
}
