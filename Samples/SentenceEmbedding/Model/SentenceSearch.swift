// Heterodyne: embeds lines of text and finds those nearest to a query.
// SPDX-License-Identifier: Apache-2.0

public import Heterodyne

/// Embeds texts on one device with one compiled program per batch shape.
public final class SentenceEmbedder: Sendable {
    /// The device that computes.
    public let device: Device
    private let tokenizer: WordPieceTokenizer
    private let function: CompiledFunction
    private let width: Int
    /// Sequence lengths are padded to a multiple of this, so that few programs serve all texts.
    private static let lengthStep = 16

    /// An embedder on `device`. Nothing is compiled before the first text.
    public init(
        encoder: SentenceEncoder, tokenizer: WordPieceTokenizer, device: Device,
        compiler: CompilerOptions = CompilerOptions()
    ) {
        self.device = device
        self.tokenizer = tokenizer
        width = encoder.configuration.hiddenSize
        var options = ProgramOptions()
        options.label = "sentence embedding"
        options.compiler = compiler
        function = compile(device: device, options: options) { (ids: Tensor, mask: Tensor) in
            encoder.embedding(ids: ids, mask: mask)
        }
    }

    /// One unit vector per text, in row-major order [texts, width]. `progress` hears how many texts are done.
    ///
    /// - Throws: `HeterodyneError` from compiling and running, `TokenizerError` from the tokenizer.
    public func embed(
        _ texts: [String], batchSize: Int = 8, progress: ((Int) -> Void)? = nil
    ) throws -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(texts.count * width)
        var start = 0
        while start < texts.count {
            let batch = Array(texts[start..<min(start + max(1, batchSize), texts.count)])
            let tokens = try tokenizer.encode(batch, padding: .multiple(of: Self.lengthStep))
            let shape = [tokens.rows, tokens.columns]
            let embedding = try function(
                Tensor(tokens.ids, shape: shape), Tensor(tokens.mask, shape: shape))
            result += try embedding.scalars(as: Float.self, on: device)
            start += batch.count
            progress?(start)
        }
        return result
    }

    /// Writes the model as ONNX for `texts` as one batch, and that batch beside it: the inputs `ids` and `mask` as
    /// `path` + `.ids.npy` and `.mask.npy`, int32. The model's output, `embedding`, is float32 [texts, width].
    public func export(_ texts: [String], to path: String) throws {
        let tokens = try tokenizer.encode(texts, padding: .multiple(of: Self.lengthStep))
        let type = TensorType(.int32, [tokens.rows, tokens.columns])
        try function.exportONNX(
            for: [type, type], to: path, inputNames: ["ids", "mask"], outputNames: ["embedding"])
        try NpyFile.write(Literal(tokens.ids, shape: type.shape), to: path + ".ids.npy")
        try NpyFile.write(Literal(tokens.mask, shape: type.shape), to: path + ".mask.npy")
    }

    /// What the compiler decided for the given batch.
    public func report(rows: Int, columns: Int) throws -> CompilationReport {
        try function.report(for: [TensorType(.int32, [rows, columns]), TensorType(.int32, [rows, columns])])
    }

    /// What the compiler decides for a query of one text.
    public func report(for text: String) throws -> CompilationReport {
        let tokens = try tokenizer.encode([text], padding: .multiple(of: Self.lengthStep))
        return try report(rows: tokens.rows, columns: tokens.columns)
    }
}

/// One line of the text and how near it is to the query.
public struct SearchMatch: Sendable, Hashable, Codable {
    /// The line's number in the file, from 1.
    public var line: Int
    /// The line.
    public var text: String
    /// The cosine of the angle between the two vectors, -1 to 1.
    public var similarity: Float
}

/// The least cosine between rows of `width` numbers and the rows of another matrix at the same places; 1 where there are none.
/// Rows of zeros are like no others.
public func leastCosine(_ rows: [Float], _ others: [Float], width: Int) -> Double {
    var least = 1.0
    for start in stride(from: 0, to: min(rows.count, others.count), by: max(1, width)) {
        var (dot, norm, otherNorm) = (0.0, 0.0, 0.0)
        for index in start..<min(start + max(1, width), rows.count, others.count) {
            let (x, y) = (Double(rows[index]), Double(others[index]))
            dot += x * y
            norm += x * x
            otherNorm += y * y
        }
        let cosine = dot / (norm * otherNorm).squareRoot()
        // Also where it is no number.
        if !(cosine >= least) { least = cosine.isNaN ? 0 : cosine }
    }
    return least
}

/// The `count` rows of `embeddings` nearest to `query`, nearest first. Vectors have length 1, so the product is the
/// cosine; equal similarities keep the order of the text.
public func nearest(
    to query: [Float], in embeddings: [Float], texts: [(line: Int, text: String)], count: Int
) -> [SearchMatch] {
    let width = query.count
    let matches = texts.enumerated().map { index, entry in
        var dot: Float = 0
        for column in 0..<width { dot += query[column] * embeddings[index * width + column] }
        return SearchMatch(line: entry.line, text: entry.text, similarity: dot)
    }
    let order = matches.indices.sorted {
        (matches[$1].similarity, $0) < (matches[$0].similarity, $1)
    }
    return order.prefix(max(0, count)).map { matches[$0] }
}
