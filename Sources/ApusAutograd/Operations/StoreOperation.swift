import ApusTensor

/// Keys and values of an encoded text, which queries attend to later.
final class StoreOperation: Operation {
    let keys: Rows
    let values: Rows
    let keptKeys: KeptRows
    let keptValues: KeptRows
    /// Gradients, once a query has attended.
    private var gradients: (keys: Rows, values: Rows)?

    init(_ tape: Tape, keys: Rows, values: Rows) {
        self.keys = keys
        self.values = values
        keptKeys = tape.copy(keys)
        keptValues = tape.copy(values)
    }

    /// Adds gradients `[S, K·D]` of keys and values.
    func add(_ tape: Tape, keys: Rows, values: Rows) {
        guard let gradients else {
            let made = [keys, values].map { rows in
                let storage = tape.allocate(byteCount: rows.count * rows.width * 4, for: "gradients of keys and values")
                let target = Rows(storage, count: rows.count, width: rows.width)
                tape.base.scale(rows, by: 1, adding: nil, into: target)
                return target
            }
            self.gradients = (made[0], made[1])
            return
        }
        tape.base.scale(keys, by: 1, adding: gradients.keys, into: gradients.keys)
        tape.base.scale(values, by: 1, adding: gradients.values, into: gradients.values)
    }

    func backward(_ tape: Tape) {
        guard let gradients else { return }
        tape.add(to: keys, gradients.keys, times: 1)
        tape.add(to: values, gradients.values, times: 1)
    }
}
