// Heterodyne: sentences split over two devices get the embeddings of either alone.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@testable import SentenceEmbeddingModel

@Suite("Sentences over several devices")
struct SplitTests {
    static let devices = ["vulkan:0", "openblas"].compactMap { try? Device($0) }

    @Test(
        "A batch over two devices gives PyTorch's embeddings, and the report shows the split",
        .enabled(if: devices.count == 2, "needs vulkan:0 and openblas"))
    func split() throws {
        let encoder = try SentenceEncoder(Pretrained.files())
        let sentences = Array(try SentenceFixture.load().sentences.sorted { $0.ids.count < $1.ids.count }.prefix(9))
        let columns = sentences.map(\.ids.count).max() ?? 0
        func rows(_ part: (SentenceFixture.Sentence) -> [Int32]) -> Tensor {
            let padded = sentences.map { part($0) + [Int32](repeating: 0, count: columns - $0.ids.count) }
            return Tensor(padded.flatMap(\.self), shape: [sentences.count, columns])
        }
        let (ids, mask) = (rows(\.ids), rows(\.mask))
        let function = compile { (ids: Tensor, mask: Tensor) in encoder.embedding(ids: ids, mask: mask) }
        let both = function.sharded(over: Self.devices)
        let found = try both(ids, mask).scalars(as: Float.self)
        let width = found.count / sentences.count
        for (index, sentence) in sentences.enumerated() {
            EmbeddingTests.expectFixture(
                found[index * width..<(index + 1) * width], sentence, Self.devices[0])
        }
        // Either device alone gives the same rows, as near as both are to PyTorch.
        for device in Self.devices {
            let alone = try function.sharded(over: [device])(ids, mask).scalars(as: Float.self)
            let farthest = zip(found, alone).map { abs($0 - $1) }.max() ?? 1
            #expect(farthest <= 2e-4, "\(device): \(farthest)")
        }
        let report = try both.report(for: [ids.type, mask.type])
        let lines = report.entries.filter { $0.kind == .shard }
        #expect(lines.map(\.device) == Self.devices.map(\.id))
        #expect(lines.first?.operation.hasPrefix("rows 0 to") == true)
        #expect(lines.last?.operation.hasSuffix("to 8 of 9") == true)
        #expect(lines.allSatisfy { $0.reason.contains("rows/s measured") })
        #expect(report.summary.contains("split over 2 devices"))
        let split = lines.map { "\($0.device) \($0.operation) (\($0.reason))" }.joined(separator: "; ")
        print("split of 9 sentences: \(split)")
        // Shares follow what the runs took only when they are asked to.
        try both.rebalance()
        let again = try both(ids, mask).scalars(as: Float.self)
        for (a, b) in zip(found, again) { #expect(abs(a - b) <= 2e-4) }
    }
}
