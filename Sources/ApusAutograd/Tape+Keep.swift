import ApusTensor

extension Tape {
    /// Rounds what a view holds to the tape's type, for the backward pass; once for all operations that read it.
    func keep(_ rows: Rows) -> Kept {
        if let kept = contents[rows] { return kept }
        let kept = Kept.rows(copy(rows))
        contents[rows] = kept
        return kept
    }

    /// A copy in the tape's type.
    func copy(_ rows: Rows) -> KeptRows {
        let kept = arena.rows(type, count: rows.count, width: rows.width)
        base.keep(rows, in: kept)
        return kept
    }

    /// Keeps what a view holds, and rounds the view to it: for operations that take their argument rounded.
    func keepRounded(_ rows: Rows) -> KeptRows {
        let kept = keep(rows).rows(self)
        if type != .f32 { base.restore(kept, into: rows) }
        return kept
    }

    /// Runs a call and remembers its operation; outside a recording nothing that it kept stays.
    func perform(_ body: () -> any Operation) {
        let mark = arena.current, operation = body()
        if isRecording {
            operations.append(operation)
        } else {
            arena.release(to: mark)
            contents = KeptContents()
        }
    }
}
