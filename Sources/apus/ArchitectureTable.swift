import ApusBase
import ApusDescription

/// What presets are made of, side by side: a row a preset.
struct ArchitectureTable {
    let presets: [Preset]

    private static let columns = [
        "preset", "tokenizer", "positions", "norm", "norm's place", "activation", "attention", "block", "stability", "parameters", "FLOPs a token",
        "KV bytes a token",
    ]

    /// A table in Markdown, its columns aligned.
    var text: String {
        let rows = [Self.columns] + presets.map(cells)
        let widths = Self.columns.indices.map { column in rows.map { $0[column].count }.max()! }
        func line(_ cells: [String]) -> String {
            "| " + zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: " | ") + " |\n"
        }
        return line(rows[0]) + "|" + widths.map { String(repeating: "-", count: $0 + 2) + "|" }.joined() + "\n" + rows.dropFirst().map(line).joined()
    }

    var json: JSONObject { ["models": .array(presets.map { .object(object($0)) })] }

    private func cells(_ preset: Preset) -> [String] {
        let d = preset.description
        return [
            preset.name, preset.tokenizer, positions(d), norm(d.norm), place(d), activation(d), attention(d), block(d),
            stability(preset).joined(separator: ", "),
            "\(d.parameterCount)", "\(d.flopsPerToken(context: d.contextLength))", "\(d.kvBytesPerToken())",
        ]
    }

    private func object(_ preset: Preset) -> JSONObject {
        let d = preset.description
        return [
            "name": .string(preset.name), "architecture": .string(d.architecture), "tokenizer": .string(preset.tokenizer),
            "position": .string(positions(d)), "norm": .string(norm(d.norm)), "norm_placement": .string(place(d)), "activation": .string(activation(d)),
            "attention": .string(attention(d)), "block": .string(block(d)), "stability": .array(stability(preset).map { .string($0) }),
            "layers": .integer(d.layers.count), "width": .integer(d.width), "vocabulary_size": .integer(d.vocabularySize),
            "context_length": .integer(d.contextLength), "parameters": .integer(d.parameterCount),
            "flops_per_token": .integer(d.flopsPerToken(context: d.contextLength)), "kv_bytes_per_token": .integer(d.kvBytesPerToken()),
        ]
    }

    // MARK: Words for the axes

    private func positions(_ d: DecoderDescription) -> String {
        func rotary(_ rotary: RotaryDescription, of size: Int) -> String {
            let part = rotary.dimensions == size ? "" : " on \(rotary.dimensions) of \(size)"
            return "rotary" + part + (rotary.style == .interleaved ? " in pairs" : "") + ", base \(Int(rotary.base))"
                + (rotary.scaling == .none ? "" : ", stretched")
        }
        let size = d.layers[0].attention.headSize
        return switch d.position {
        case .none: "none"
        case .learned: "learned"
        case .sinusoidal: "sinusoidal"
        case .rotary(let own): rotary(own, of: size) + (d.layers.contains { $0.position != nil } ? "; local layers of their own" : "")
        case .rotary2D(let own): "two channels, " + rotary(own, of: own.dimensions)
        case .alibi(.afterScaling): "ALiBi"
        case .alibi(.beforeScalingInBF16): "ALiBi in bf16"
        case .relative: "relative, in buckets"
        }
    }

    private func norm(_ norm: NormKind) -> String {
        switch norm {
        case .rms(let epsilon, _): "RMSNorm \(epsilon)"
        case .layer(let epsilon): "LayerNorm \(epsilon)"
        }
    }

    private func place(_ d: DecoderDescription) -> String {
        switch d.layers[0].topology {
        case .parallel(.one): "pre, one for both"
        case .parallel(.two): "pre, one each"
        case .sequential(.pre): "pre"
        case .sequential(.post): "post"
        case .sequential(.sandwich): "sandwich"
        case .sequential(.deepNorm(let scale)): "DeepNorm, α = \(scale)"
        case .sequential(.normedResidual(let scale)): "normed residual, α = \(scale)"
        }
    }

    private func activation(_ d: DecoderDescription) -> String {
        let f = d.layers[0].feedForward, isGated = f.kind == .gated
        return switch f.activation {
        case .silu: isGated ? "SwiGLU" : "SiLU"
        case .geluTanh: isGated ? "GeGLU (tanh)" : "GELU (tanh)"
        case .geluErf: isGated ? "GeGLU" : "GELU"
        case .relu: isGated ? "ReGLU" : "ReLU"
        }
    }

    private func attention(_ d: DecoderDescription) -> String {
        let a = d.layers[0].attention, windows = d.layers.compactMap(\.attention.window)
        let kind = a.kvHeads == a.heads ? "MHA \(a.heads)" : a.kvHeads == 1 ? "MQA \(a.heads)" : "GQA \(a.heads)/\(a.kvHeads)"
        let window = windows.first.map { ", window \($0)" + (windows.count < d.layers.count ? " in \(windows.count) of \(d.layers.count) layers" : "") }
        return "\(kind) × \(a.headSize)" + (a.mask == .prefix ? ", context in both directions" : a.mask == .full ? ", in both directions" : "") + (window ?? "")
    }

    private func block(_ d: DecoderDescription) -> String {
        switch d.layers[0].topology {
        case .sequential: d.encoder == nil ? "sequential" : "sequential, beside an encoder"
        case .parallel: "parallel"
        }
    }

    /// What the description shows, and what the papers tell.
    private func stability(_ preset: Preset) -> [String] {
        let d = preset.description, layer = d.layers[0]
        var measures: [String] = []
        if d.embedding.norm { measures.append("norm of the embedding") }
        if layer.attention.queryKeyNorm != nil { measures.append("query/key norm") }
        if layer.attention.softCap != nil || d.head?.softCap != nil { measures.append("soft caps") }
        switch layer.topology {
        case .sequential(.deepNorm): measures.append("DeepNorm")
        case .sequential(.sandwich): measures.append("sandwich norms")
        case .sequential(.normedResidual): measures.append("normed residual")
        case .sequential, .parallel: break
        }
        return measures + preset.measures
    }
}
