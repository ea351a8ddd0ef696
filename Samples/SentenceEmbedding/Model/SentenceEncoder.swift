// Heterodyne: the sentence-embedding model, as plain Swift model code.
// SPDX-License-Identifier: Apache-2.0

import Foundation
public import Heterodyne

/// The hyperparameters of a BERT encoder, as `config.json` names them.
public struct EncoderConfiguration: Sendable, Hashable, Codable {
    /// Width of the hidden states.
    public var hiddenSize: Int
    /// Width between the two layers of the feed-forward part.
    public var intermediateSize: Int
    /// Heads of attention per layer.
    public var numAttentionHeads: Int
    /// Number of layers.
    public var numHiddenLayers: Int
    /// Longest sequence.
    public var maxPositionEmbeddings: Int
    /// Rows of the token table.
    public var vocabSize: Int
    /// The epsilon of layer normalisation.
    public var layerNormEps: Double

    private enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case intermediateSize = "intermediate_size"
        case numAttentionHeads = "num_attention_heads"
        case numHiddenLayers = "num_hidden_layers"
        case maxPositionEmbeddings = "max_position_embeddings"
        case vocabSize = "vocab_size"
        case layerNormEps = "layer_norm_eps"
    }

    /// Reads `config.json`.
    ///
    /// - Throws: ``PretrainedFilesError/brokenFile(path:reason:)`` where the file cannot be read, lacks a value, or has
    ///   one that no encoder can have.
    public init(file: String) throws(PretrainedFilesError) {
        do { self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(fileURLWithPath: file))) } catch {
            throw .brokenFile(path: file, reason: "is no configuration of an encoder (\(Self.reason(error)))")
        }
        let sizes = [
            ("hidden_size", hiddenSize), ("intermediate_size", intermediateSize),
            ("num_attention_heads", numAttentionHeads), ("num_hidden_layers", numHiddenLayers),
            ("max_position_embeddings", maxPositionEmbeddings), ("vocab_size", vocabSize),
        ]
        for (name, size) in sizes where !(1...1 << 24).contains(size) {
            throw .brokenFile(path: file, reason: "\(name) is \(size)")
        }
        guard hiddenSize % numAttentionHeads == 0 else {
            throw .brokenFile(
                path: file,
                reason: "hidden_size \(hiddenSize) is no multiple of num_attention_heads \(numAttentionHeads)")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, _): "\(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\(context.codingPath.last?.stringValue ?? "the document") has the wrong type"
        case .dataCorrupted: "not JSON"
        default: "it cannot be read"
        }
    }
}

/// A matrix and a bias applied to the last dimension.
struct Linear: Sendable {
    let weight: Tensor
    let bias: Tensor

    init(_ weights: WeightReader, _ name: String) throws {
        weight = try weights.tensor("\(name).weight")
        bias = try weights.tensor("\(name).bias")
    }

    func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight.widened, bias.widened) }
}

/// Layer normalisation of the last dimension.
struct LayerNorm: Sendable {
    let scale: Tensor
    let bias: Tensor
    let epsilon: Double

    init(_ weights: WeightReader, _ name: String, epsilon: Double) throws {
        scale = try weights.tensor("\(name).weight")
        bias = try weights.tensor("\(name).bias")
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        x.layerNormalization(scale: scale.widened, bias: bias.widened, epsilon: epsilon)
    }
}

extension Tensor {
    /// Weights in the type that everything is computed in. Those that are stored in fewer bits stay so in memory: devices
    /// widen them where they read them.
    fileprivate var widened: Tensor { convert(.float32) }
}

/// One transformer layer: attention and feed-forward, each with a residual connection and a normalisation after it.
struct EncoderLayer: Sendable {
    let query, key, value, output: Linear
    let attentionNorm, outputNorm: LayerNorm
    let widen, narrow: Linear
    let heads: Int

    init(_ weights: WeightReader, _ index: Int, _ configuration: EncoderConfiguration) throws {
        let name = "encoder.layer.\(index)"
        query = try Linear(weights, "\(name).attention.self.query")
        key = try Linear(weights, "\(name).attention.self.key")
        value = try Linear(weights, "\(name).attention.self.value")
        output = try Linear(weights, "\(name).attention.output.dense")
        attentionNorm = try LayerNorm(
            weights, "\(name).attention.output.LayerNorm", epsilon: configuration.layerNormEps)
        widen = try Linear(weights, "\(name).intermediate.dense")
        narrow = try Linear(weights, "\(name).output.dense")
        outputNorm = try LayerNorm(weights, "\(name).output.LayerNorm", epsilon: configuration.layerNormEps)
        heads = configuration.numAttentionHeads
    }

    func callAsFunction(_ x: Tensor, mask: Tensor) -> Tensor {
        let attended = split(query(x)).attention(keys: split(key(x)), values: split(value(x)), mask: mask)
        let merged = attended.transpose([0, 2, 1, 3]).reshape(x.shape)
        let hidden = attentionNorm(x + output(merged))
        return outputNorm(hidden + narrow(widen(hidden).gelu()))
    }

    /// [batch, length, width] to [batch, heads, length, width / heads].
    private func split(_ x: Tensor) -> Tensor {
        guard x.rank == 3 else { return x }
        return x.reshape([x.shape[0], x.shape[1], heads, -1]).transpose([0, 2, 1, 3])
    }
}

/// The encoder of all-MiniLM-L6-v2: token ids to one unit vector per sentence.
public struct SentenceEncoder: Sendable {
    /// The hyperparameters.
    public let configuration: EncoderConfiguration
    private let tokens, positions, types: Tensor
    private let norm: LayerNorm
    private let layers: [EncoderLayer]

    /// Reads the weights. Throws where a file or a tensor is missing or broken.
    ///
    /// - Parameter weightType: the type in which they are kept in memory (float32, bfloat16 or float16), rounded to nearest
    ///   even; nil leaves them as they are in the file, mapped and not copied. Activations are float32 in any case.
    public init(_ files: PretrainedFiles, weightType: ScalarType? = nil) throws {
        configuration = try EncoderConfiguration(file: files.configuration)
        let weights = try WeightReader(path: files.weights, type: weightType)
        tokens = try weights.tensor("embeddings.word_embeddings.weight")
        positions = try weights.tensor("embeddings.position_embeddings.weight")
        types = try weights.tensor("embeddings.token_type_embeddings.weight")
        norm = try LayerNorm(weights, "embeddings.LayerNorm", epsilon: configuration.layerNormEps)
        var layers: [EncoderLayer] = []
        for index in 0..<configuration.numHiddenLayers {
            layers.append(try EncoderLayer(weights, index, configuration))
        }
        self.layers = layers
    }

    /// The last hidden state [batch, length, width] of token ids and attention mask, both int32 [batch, length].
    public func hiddenState(ids: Tensor, mask: Tensor) -> Tensor {
        guard ids.rank == 2 else { return ids }
        let words = tokens.take(ids).widened
        let places = positions[0..<ids.shape[1]].widened
        var x = norm(words + places + types[0].widened)
        // A bool mask [batch, 1, 1, length] lets every query see the tokens and not the padding.
        let visible = (mask .!= Tensor(Int32(0))).expandDimensions(1, 2)
        for layer in layers { x = layer(x, mask: visible) }
        return x
    }

    /// One vector of length 1 per sentence, [batch, width]: the mean over its tokens, normalised.
    public func embedding(ids: Tensor, mask: Tensor) -> Tensor {
        let weights = mask.convert(.float32).expandDimensions(2)
        let hidden = hiddenState(ids: ids, mask: mask)
        let mean = (hidden * weights).sum([1]) / weights.sum([1]).maximum(1e-9)
        return mean / mean.square().sum([1], keepDimensions: true).sqrt().maximum(1e-12)
    }
}
