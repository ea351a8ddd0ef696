// Heterodyne: a language model on every simulated chip.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneBackend
import HeterodyneRoofline
import HeterodyneRuntime
import HeterodyneSimulated
import Testing

@Suite("MiniLM on simulated chips", .serialized)
struct MiniLMOnChipsTests {
    @Test("the model runs unchanged on every chip and gives the same answer", arguments: Chips.all)
    func everyChip(device: Device) throws {
        let function = try MiniLM.function(on: device)
        let (ids, mask) = try MiniLM.arguments()
        let found = try function(ids, mask).scalars(as: Float.self)
        #expect(try MiniLM.cosine(found) >= 0.99999, "\(device)")
        let report = try function.report(for: [ids.type, mask.type])
        let hasFloat32 = try device.capabilities().usages(of: .float32).contains(.compute)
        // A chip that computes float32 does all of it by itself; one that does not says who did.
        let fallbacks = report.entries.filter { $0.kind == .fallback }
        #expect(fallbacks.isEmpty == hasFloat32, "\(device): \(fallbacks.first.map { "\($0)" } ?? "no fallback")")
        if !hasFloat32 {
            #expect(fallbacks.contains { $0.reason.contains("float32") && $0.reason.contains("unknown") }, "\(device)")
        }
    }
}
