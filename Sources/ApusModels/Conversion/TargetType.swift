import ApusTensor

/// The type that a tensor takes when a model is converted to a type, by the rules of llama-quantize.
enum TargetType {
    /// Vectors and small tables stay f32. Rows that do not fill the type's blocks take the next best type of smaller blocks, and in the end
    /// f16.
    static func of(_ name: String, shape: [Int], wanted: DType) -> DType {
        guard shape.count >= 2, !isSmallTable(name) else { return .f32 }
        return [wanted, substitutes[wanted] ?? .f16].first { shape.last! % $0.blockSize == 0 } ?? .f16
    }

    /// Tables of positions, of types of text and of distances.
    private static func isSmallTable(_ name: String) -> Bool {
        name == "position_embd.weight" || name == "token_types.weight" || name.hasSuffix(".attn_rel_b.weight")
    }

    private static let substitutes: [DType: DType] = [.q4_k: .q5_0, .q5_k: .q5_1, .q6_k: .q8_0]

    /// A line for each type that stands in for the wanted one.
    static func notes(_ transfers: [TensorTransfer], wanted: DType) -> [String] {
        let others = transfers.map(\.plan).filter { $0.shape.count >= 2 && $0.dtype != wanted && !isSmallTable($0.name) }
        return Dictionary(grouping: others, by: \.dtype).sorted { $0.key.rawValue < $1.key.rawValue }.map { type, plans in
            let rest = plans.count > 1 ? " and \(plans.count - 1) more" : ""
            return "\(plans[0].name)\(rest): rows do not fill blocks of \(wanted) (\(wanted.blockSize) elements) and become \(type)"
        }
    }

    /// `general.file_type` (llama_ftype) of files that are of one type but for vectors.
    static func ggufFileType(_ type: DType) -> Int {
        switch type {
        case .f16: 1
        case .q4_0: 2
        case .q4_1: 3
        case .q8_0: 7
        case .q5_0: 8
        case .q5_1: 9
        case .q2_k: 10
        case .q3_k: 11
        case .q4_k: 14
        case .q5_k: 16
        case .q6_k: 18
        case .bf16: 32
        case .f32, .i32, .i64, .u8: 0
        }
    }
}
