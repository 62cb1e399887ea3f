import ApusBase

/// What the tuples of a state dict's pickle say of storages and tensors.
extension PickleReader {
    private func tuple(_ value: PickleValue) -> [PickleValue]? {
        if case .tuple(let first, let count) = value { Array(elements[first..<first + count]) } else { nil }
    }

    /// `("storage", type, key, device, elements)`
    func storage(of value: PickleValue) throws(InputError) -> PickledStorage {
        guard let parts = tuple(value), parts.count == 5, parts[0] == .string("storage"), case .global(.storage(let dtype)) = parts[1],
            case .string(let key) = parts[2], case .string = parts[3], case .int(let count) = parts[4], count >= 0
        else { throw error("BINPERSID needs (\"storage\", a type, a key, a device, a number of elements)") }
        guard dtype.byteCount(elements: count) != nil else { throw error("a storage of \(count) elements is beyond all sizes") }
        return PickledStorage(key: key, dtype: dtype, elementCount: count)
    }

    /// `(storage, offset, size, strides, requires_grad, hooks)`, and perhaps metadata. The view must lie within its storage, and may not
    /// have more elements than that.
    mutating func addTensor(_ parts: [PickleValue]) throws(InputError) -> Int {
        guard 6...7 ~= parts.count, case .storage(let number) = parts[0], case .int(let offset) = parts[1], offset >= 0,
            let shape = sizes(parts[2]), let strides = sizes(parts[3]), shape.count == strides.count, case .bool = parts[4],
            case .dictionary = parts[5]
        else {
            throw error("_rebuild_tensor_v2 needs a storage, an offset, sizes and as many strides (8 at most), a truth value and a dictionary")
        }
        guard tensors.count < CheckpointLimits.tensors else { throw error(CheckpointLimits.rule) }
        let limit = storages[number].elementCount
        guard let count = checkedProduct(shape), let last = lastElement(offset, shape, strides), count == 0 ? offset <= limit : last < limit else {
            throw error("a view of sizes \(shape), strides \(strides) and offset \(offset) lies outside its storage of \(limit) elements")
        }
        guard count <= limit else { throw error("a view of sizes \(shape) repeats the \(limit) elements of its storage", remedy: "save a copy of it") }
        tensors.append(PickledTensor(storage: number, offset: offset, shape: shape, strides: strides))
        return tensors.count - 1
    }

    /// `(tensor, requires_grad, hooks)`
    func parameter(_ parts: [PickleValue]) throws(InputError) -> PickleValue {
        guard parts.count == 3, case .tensor = parts[0], case .bool = parts[1], case .dictionary = parts[2] else {
            throw error("_rebuild_parameter needs a tensor, a truth value and a dictionary")
        }
        return parts[0]
    }

    private func sizes(_ value: PickleValue) -> [Int]? {
        guard let parts = tuple(value), parts.count <= 8 else { return nil }
        let sizes = parts.compactMap { if case .int(let size) = $0, size >= 0 { size } else { nil } }
        return sizes.count == parts.count ? sizes : nil
    }

    /// Index of the last element of a view, nil where it overflows.
    private func lastElement(_ offset: Int, _ shape: [Int], _ strides: [Int]) -> Int? {
        var last = offset
        for (size, stride) in zip(shape, strides) where size > 1 {
            let (span, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
            let (sum, second) = last.addingReportingOverflow(span)
            guard !overflow, !second else { return nil }
            last = sum
        }
        return last
    }
}
