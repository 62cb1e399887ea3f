import ApusBase

extension TokenizerFile {
    /// The vocabulary with the added tokens in their places.
    ///
    /// - Throws: `InputError` when ids clash, or leave so many free that a table by id would be mostly holes.
    func vocabulary() throws(InputError) -> Vocabulary {
        let entries = ids.count + addedTokens.count
        let highest = max(ids.max() ?? -1, addedTokens.map(\.id).max() ?? -1)
        guard highest < 2 * entries + 65536 else {
            throw error("model.vocab", "the id \(highest) among \(entries) tokens; ids must be nearly without gaps")
        }
        var order = Array(repeating: -1, count: highest + 1)
        for (index, id) in ids.enumerated() {
            guard order[id] < 0 else {
                throw error("model.vocab", "\"\(texts.string(order[id]))\" and \"\(texts.string(index))\" have the id \(id) both")
            }
            order[id] = index
        }
        var kinds = Array(repeating: Vocabulary.Kind.normal, count: highest + 1)
        var added: [Int: String] = [:]
        for token in addedTokens {
            let known = order[token.id] >= 0 ? texts.string(order[token.id]) : added[token.id]
            guard known == nil || known == token.text else {
                throw error("added_tokens", "\"\(token.text)\" has the id \(token.id), which is that of \"\(known!)\"")
            }
            added[token.id] = token.text
            kinds[token.id] = token.isSpecial ? .control : .userDefined
        }
        var ordered = StringTable()
        ordered.reserve(count: highest + 1, byteCount: texts.bytes.count)
        for id in 0...max(0, highest) where id <= highest {
            if order[id] >= 0 { ordered.append(texts[order[id]]) } else { ordered.append((added[id] ?? "").utf8) }
        }
        let vocabulary = try Vocabulary(texts: ordered, kinds: kinds, subject: subject)
        for id in added.keys where order[id] < 0 { vocabulary.setAdded(id) }
        return vocabulary
    }

    /// The added tokens that are matched in raw or in normalised text.
    func specialTokens(normalizedBy normalizer: Normalizer?) -> SpecialTokens {
        SpecialTokens(
            addedTokens.filter { $0.isNormalized == (normalizer != nil) }.map { token in
                let text = Array(token.text.utf8)
                return SpecialTokens.Entry(
                    id: Int32(token.id), text: normalizer?.normalized(text) ?? text, isSpecial: token.isSpecial, stripsLeft: token.stripsLeft,
                    stripsRight: token.stripsRight, isWholeWord: token.isWholeWord)
            })
    }
}
