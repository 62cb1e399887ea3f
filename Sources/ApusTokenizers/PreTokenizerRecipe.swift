import ApusBase

/// What `tokenizer.ggml.pre` in a GGUF file stands for: it names a published tokenizer whose patterns the file does not hold.
struct PreTokenizerRecipe {
    /// Applied one after the other, matches being isolated.
    var patterns: [String]
    /// A piece that is itself a token is not built by merges.
    var ignoresMerges = false
    /// Whether a text begins with BOS when the file does not say.
    var addsBOS = false

    /// - Throws: `InputError` for a name that is unknown or means no byte-level BPE.
    init(named name: String, subject: String) throws(InputError) {
        guard let patterns = Self.patterns(named: name) else {
            throw InputError(
                subject, at: "tokenizer.ggml.pre", "the pre-tokenizer \"\(name)\" is not supported",
                remedy: "load the model from a folder with its tokenizer.json, or convert it with one of the supported names")
        }
        self.patterns = patterns
        ignoresMerges = Self.ignoringMerges.contains(name)
        addsBOS = Self.addingBOS.contains(name)
    }

    private static let llama3Names: Set = [
        "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano",
    ]
    private static let ignoringMerges = llama3Names.union(["minicpm5", "youtu", "glm4", "glm5", "tekken", "granite-embed-multi-97m"])
    private static let addingBOS = llama3Names.union(["tekken", "chameleon"])

    // MARK: Patterns

    private static let number = #"\p{N}"#
    private static let anyCaseContractions = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"#
    private static let gpt2 = WordScanner.gpt2Pattern
    private static let llama3 = WordScanner.gpt4Pattern(contractions: anyCaseContractions, digits: #"\p{N}{1,3}"#)
    private static let qwen2 = WordScanner.gpt4Pattern(contractions: anyCaseContractions, digits: number)
    private static let cjk = #"[一-龥぀-ゟ゠-ヿ]+"#
    private static let deepSeekAsian = #"[一-龥ࠀ-一가-퟿]+"#
    private static let deepSeek3 =
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"##
        + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let bloom = #" ?[^(\s|.,!?…。，、।۔،)]+"#

    /// GPT-4o (o200k): letters by case, with a contraction after the word.
    private static func gpt4o(suffix: String, digits: String) -> String {
        let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
        let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
        return #"[^\r\n\p{L}\p{N}]?"# + upper + "*" + lower + "+" + suffix + #"|[^\r\n\p{L}\p{N}]?"# + upper + "+" + lower + "*" + suffix
            + "|" + digits + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// OpenAI's o200k.
    static var gpt4o: String { gpt4o(suffix: contractionSuffix, digits: #"\p{N}{1,3}"#) }

    private static let contractionSuffix = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#

    private static func patterns(named name: String) -> [String]? {
        switch name {
        case _ where llama3Names.contains(name), "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "glm5": return [llama3]
        case "minicpm5": return [#"\p{N}{1,3}"#, WordScanner.gpt4Pattern(contractions: anyCaseContractions, digits: #"\p{N}+"#)]
        case "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum", "modern-bert",
            "jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "exaone4", "trillion", "granite-docling":
            return [gpt2]
        case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2": return [number, gpt2]
        case "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "megrez", "hunyuan", "grok-2", "solar-open": return [qwen2]
        case "qwen35":
            return [WordScanner.gpt4Pattern(contractions: anyCaseContractions, letters: #"[\p{L}\p{M}]"#, digits: number, marks: #"\p{M}"#)]
        case "ufakzeka": return [WordScanner.gpt4Pattern(contractions: "", digits: number)]
        case "laguna": return [#"[^\n]+|[\n]+"#, qwen2]
        case "falcon": return [#"[\p{P}\$\+<=>\^~\|`]+"#, gpt2, "[0-9][0-9][0-9]"]
        case "", "default": return [#"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]"]
        case "deepseek-llm": return [#"[\r\n]"#, #"\s?"# + deepSeekLetters + "+", deepSeekPunctuation, #"\s+$"#, deepSeekAsian, #"\p{N}+"#]
        case "deepseek-coder": return [#"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, deepSeekAsian, number]
        case "deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4": return [#"\p{N}{1,3}"#, cjk, deepSeek3]
        case "poro-chat", "bloom", "gpt3-finnish": return [bloom]
        case "viking": return [bloom, number]
        case "tekken": return [gpt4o(suffix: "", digits: number)]
        case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2", "granite-embed-multi-97m":
            return [gpt4o(suffix: contractionSuffix, digits: #"\p{N}{1,3}"#)]
        case "tiny_aya", "cohere2moe":
            return [#"\d{1,3}(?=(?:\d{3})*\b)"#, gpt4o(suffix: contractionSuffix, digits: #"\p{N}{1,3}"#)]
        case "youtu":
            return [
                #"[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+"#, gpt4o(suffix: contractionSuffix, digits: number),
            ]
        case "bailingmoe", "bailingmoe2", "llada-moe":
            return [#"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#]
        case "seed-coder":
            return [anyCaseContractions + #"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"#]
        case "exaone-moe":
            return [
                anyCaseContractions
                    + #"[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"#
            ]
        case "jais-2":
            return [
                anyCaseContractions + #"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)"#
                    + #"|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"#
            ]
        case "chameleon":
            return [
                "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", #"([\t\n]|    |  )"#, number, #"[\p{P}!-/:-@\[-`{-~]"#,
                gpt2,
            ]
        default: return nil
        }
    }

    private static let deepSeekPunctuation = #"\s?[!-/:-~！-／：-～‘-‟　-。]+"#
    /// The cased letters as DeepSeek LLM lists them.
    private static let deepSeekLetters =
        "["
        + "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴ"
        + "ᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓"
        + "𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
        + "]"
}
