// Heterodyne: simulated devices and the sentence-embedding model for tests.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneRoofline
import HeterodyneSimulated
import SentenceEmbeddingModel
import Testing

/// Simulated devices for tests, which the process's registry does not know.
enum Chips {
    static let backend = SimulatedBackend(profiles: ProfileCatalog.builtIn)

    /// Every chip that says enough to be a device.
    static let all: [Device] = backend.discover().devices.map { Device(descriptor: $0, backend: backend) }

    /// The device of the chip that people call `name`.
    static func device(_ name: String) throws -> Device {
        let profile = try ProfileCatalog(ProfileCatalog.builtIn).profile(named: name)
        return try #require(all.first { $0.id == "simulated:\(profile.id)" })
    }

    /// The one device of a profile of the test's own.
    static func device(_ profile: ChipProfile) throws -> Device {
        let backend = SimulatedBackend(profiles: [profile])
        return Device(descriptor: try #require(backend.discover().devices.first), backend: backend)
    }

    /// A profile: the named chip's, changed.
    static func profile(_ name: String, _ change: (inout ChipProfile) -> Void) throws -> ChipProfile {
        var profile = try ProfileCatalog(ProfileCatalog.builtIn).profile(named: name)
        profile.id = "test-" + profile.id
        profile.aliases = []
        change(&profile)
        return profile
    }

    static func figure(_ value: Double) -> Fact { .known(Figure(value, source: "the test", confidence: .assumed)) }
}

/// all-MiniLM-L6-v2 and what PyTorch computed for it in float64 (`Tests/SentenceEmbeddingTests/Fixtures`).
enum MiniLM {
    struct Sentence: Decodable, Sendable {
        let text: String
        let ids: [Int32]
        let mask: [Int32]
        let embedding64: [Double]
    }

    private struct Fixture: Decodable { let sentences: [Sentence] }

    private static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static let cached = Result { () throws -> SentenceEncoder in
        try SentenceEncoder(PretrainedFiles.cached(repository: repository.path))
    }

    /// The model; every test shares the weights.
    static func encoder() throws -> SentenceEncoder { try cached.get() }

    /// The shortest sentence.
    static let sentence = Result { () throws -> Sentence in
        let file = repository.appendingPathComponent("Tests/SentenceEmbeddingTests/Fixtures/sentences.json")
        let all = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file)).sentences
        return try #require(all.min { $0.mask.reduce(0, +) < $1.mask.reduce(0, +) })
    }

    /// The model as a program of a device.
    static func function(on device: Device, options: ProgramOptions = ProgramOptions()) throws -> CompiledFunction {
        let encoder = try encoder()
        return compile(device: device, options: options) { (ids: Tensor, mask: Tensor) in
            encoder.embedding(ids: ids, mask: mask)
        }
    }

    /// The arguments for the sentence.
    static func arguments() throws -> (ids: Tensor, mask: Tensor) {
        let sentence = try sentence.get()
        let count = sentence.ids.count
        return (Tensor(sentence.ids, shape: [1, count]), Tensor(sentence.mask, shape: [1, count]))
    }

    /// The cosine of an embedding and PyTorch's in float64.
    static func cosine(_ found: [Float]) throws -> Double {
        let expected = try sentence.get().embedding64
        try #require(found.count == expected.count)
        var (dot, norm, expectedNorm) = (0.0, 0.0, 0.0)
        for (a, b) in zip(found, expected) {
            dot += Double(a) * b
            norm += Double(a) * Double(a)
            expectedNorm += b * b
        }
        return dot / (norm * expectedNorm).squareRoot()
    }
}
