// Heterodyne: chips and graphs for the tests of estimates.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneRoofline

/// A chip with round figures, each of which can be replaced.
func chip(
    launch: Fact = known(10e-6), step: Fact = known(2e-6), bandwidth: Fact = known(1e12), power: Fact = known(300),
    interconnect: ChipProfile.Interconnect? = .init(name: "Link", bandwidth: known(400e9), isHostOnly: false),
    chipCount: Int = 1, types: [ScalarType: TypeProfile] = chipTypes
) -> ChipProfile {
    ChipProfile(
        id: "test", name: "Test", vendor: "Tests", year: .unknown("never"), kind: .accelerator,
        roles: [.inference, .training], chipCount: chipCount, types: types, memoryByteCount: known(16e9),
        memoryBandwidth: bandwidth, interconnect: interconnect, power: power, launch: launch, step: step)
}

/// bfloat16 on a matrix unit, float32 on a vector unit, bfloat16 vectors of unknown rate, no float64.
let chipTypes: [ScalarType: TypeProfile] = [
    .bfloat16: TypeProfile(
        presence: .native(source: "test", confidence: .high), units: [.vector, .matrix],
        vector: .unknown("nobody says"), matrix: known(100e12)),
    .float32: TypeProfile(
        presence: .native(source: "test", confidence: .high), units: [.vector], vector: known(10e12),
        matrix: known(0)),
    .float64: TypeProfile(
        presence: .absent(source: "data sheet", confidence: .high), units: [], vector: known(0), matrix: known(0)),
]

func known(_ value: Double) -> Fact { .known(Figure(value, source: "test", confidence: .high)) }

/// The graph of one output.
func graph(_ body: (GraphBuilder) throws(GraphError) -> Term) throws(GraphError) -> Graph {
    let builder = GraphBuilder()
    try builder.output("y", body(builder))
    return try builder.build()
}

/// The product of an m x k and a k x n matrix.
func product(_ m: Int, _ n: Int, _ k: Int, _ type: ScalarType = .bfloat16) throws(GraphError) -> Graph {
    try graph { (b) throws(GraphError) in
        try b.input("a", TensorType(type, [m, k])).dot(b.input("b", TensorType(type, [k, n])), matrices)
    }
}

let matrices = DotDimensions(leftContracting: [1], rightContracting: [0])

/// Whether two numbers are the same but for rounding.
func isSame(_ a: Double?, _ b: Double) -> Bool {
    guard let a else { return false }
    return abs(a - b) <= 1e-12 * max(abs(a), abs(b))
}
