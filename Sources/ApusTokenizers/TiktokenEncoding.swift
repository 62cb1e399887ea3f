/// What the file of a published tiktoken vocabulary does not say: the pattern and the special tokens.
struct TiktokenEncoding {
    var pattern: String
    var specialTokens: [String: Int]
    var bos: String?
    var eos: String? = "<|endoftext|>"
    /// What a text begins with that is no BOS.
    var prefix: [String] = []
    /// What ends an answer beside EOS.
    var ends: [String] = []
}

extension TiktokenEncoding {
    private static let anyCase = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"

    /// Nil when no published vocabulary has this many ranks.
    init?(rankCount: Int) {
        switch rankCount {
        // p50k: GPT-2's with runs of spaces behind it.
        case 50256, 50280: self.init(pattern: WordScanner.gpt2Pattern, specialTokens: ["<|endoftext|>": 50256])
        case 100256:
            self.init(
                // At the end of a text white space is one piece, line ends or not, unlike in the kin of this pattern.
                pattern:
                    #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"#,
                specialTokens: [
                    "<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276,
                ])
        case 199_998: self.init(pattern: PreTokenizerRecipe.gpt4o, specialTokens: ["<|endoftext|>": 199_999, "<|endofprompt|>": 200_018])
        case 128_000:
            self.init(
                pattern: WordScanner.gpt4Pattern(contractions: Self.anyCase, digits: #"\p{N}{1,3}"#), specialTokens: Self.llama3,
                bos: "<|begin_of_text|>", eos: "<|end_of_text|>")
        case 151_643:
            var special = ["<|endoftext|>": 151_643, "<|im_start|>": 151_644, "<|im_end|>": 151_645]
            for extra in 0..<205 { special["<|extra_\(extra)|>"] = 151_646 + extra }
            self.init(pattern: WordScanner.gpt4Pattern(contractions: Self.anyCase, digits: #"\p{N}"#), specialTokens: special)
        case 151_329: self = .glm4(rankCount: rankCount)
        default: return nil
        }
    }

    /// GLM-4's: its special tokens stand behind however many ranks there are.
    static func glm4(rankCount: Int) -> Self {
        let special = [
            "<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>",
            "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>",
        ]
        return Self(
            pattern: WordScanner.gpt4Pattern(contractions: anyCase, digits: #"\p{N}{1,3}"#),
            specialTokens: Dictionary(uniqueKeysWithValues: special.enumerated().map { ($1, rankCount + $0) }),
            prefix: ["[gMASK]", "<sop>"], ends: ["<|user|>", "<|observation|>"])
    }

    /// The 256 special tokens behind LLaMA 3's ranks.
    private static let llama3: [String: Int] = {
        let named = [
            "begin_of_text", "end_of_text", "reserved_special_token_0", "reserved_special_token_1", "finetune_right_pad_id", "step_id",
            "start_header_id", "end_header_id", "eom_id", "eot_id", "python_tag", "image",
        ]
        let all = named + (2..<246).map { "reserved_special_token_\($0)" }
        return Dictionary(uniqueKeysWithValues: all.enumerated().map { ("<|\($1)|>", 128_000 + $0) })
    }()
}
