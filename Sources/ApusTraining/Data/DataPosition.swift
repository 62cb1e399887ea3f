import ApusBase

/// How far the data have been read, for a checkpoint: a run that goes on from it has the sequences that it would have had.
package struct DataPosition: Sendable, Equatable {
    /// Sequences taken in all.
    package var sequences = 0
    /// Of each group of sources.
    package var taken: [Int] = []
    /// What the data and their order depend on, in words; a position means nothing for other data.
    package var data = ""

    package init() {}

    /// As it is stored.
    package var json: JSON {
        .object(["sequences": .integer(sequences), "taken": .array(taken.map { .integer($0) }), "data": .string(data)])
    }

    /// - Throws: an `InputError` unless the value is of this shape.
    package init(_ json: JSON, subject: String) throws(InputError) {
        guard let sequences = json["sequences"]?.int, sequences >= 0, let taken = json["taken"]?.array, let data = json["data"]?.string,
            taken.allSatisfy({ ($0.int ?? -1) >= 0 })
        else { throw InputError(subject, at: "data position", "must have the numbers sequences and taken, and the text data") }
        self.sequences = sequences
        self.taken = taken.map { $0.int! }
        self.data = data
    }
}
