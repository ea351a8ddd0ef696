// Heterodyne: printing and parsing give the same graph.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct TextTests {
    static func expectRoundTrip(_ graph: Graph, _ options: GraphTextOptions = GraphTextOptions()) throws {
        let text = graph.text(options)
        let back = try Graph(parsing: text, composites: testRegistry)
        #expect(back == graph, "\(text)")
        try back.verify()
        // Without locations, which parsing drops, the text is a fixed point.
        let bare = GraphTextOptions(includesLocations: false, inlineElementLimit: options.inlineElementLimit)
        #expect(back.text(bare) == graph.text(bare))
    }

    @Test func everyPrimitiveRoundTrips() throws {
        for entry in try PrimitiveCase.all() { try Self.expectRoundTrip(entry.graph()) }
    }

    @Test func everyKindOfAttributeRoundTrips() throws {
        var composite = try EveryAttribute()
        for isEmpty in [false, true] {
            if isEmpty {
                (composite.integers, composite.numbers, composite.strings, composite.extents) = ([], [], [], [])
            }
            let builder = GraphBuilder()
            let x = try builder.input("x", .scalar(.float32))
            let y = try builder.add(composite, [x])
            let both = try builder.addAll(.composite(Both()), [y])
            let sum = try both[0] + both[1]
            let late = try builder.input("late, between nodes", .scalar(.float32))
            try builder.output("sum", sum + late)
            try builder.output("a \"quoted\"\nname", both[1])
            let graph = try builder.build()
            try Self.expectRoundTrip(graph)
            #expect(graph.text().contains("= \"add\"(%"))
        }
    }

    @Test func theTextLooksAsDocumented() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [.symbol("batch"), 3]))
        let w = try builder.constant(Literal([Float(1), 2.5, Float(bitPattern: 0x7FC0_0001)], shape: [3, 1]))
        builder.currentLocation = SourceLocation(file: "model/File.swift", line: 12)
        try builder.output("y", x.dot(w, DotDimensions(leftContracting: [1], rightContracting: [0])))
        #expect(
            try builder.build().text() == """
                heterodyne 1
                graph(%0 "x": float32[batch, 3]) {
                  %1 = constant() {value = float32[3, 1] (1.0, 2.5, nan:0x7fc00001)} : float32[3, 1]
                  %2 = dot(%0, %1) {leftBatch = [], rightBatch = [], leftContracting = [1], rightContracting = [0], \
                accumulation = float32, result = float32} : float32[batch, 1]  // model/File.swift:12
                  return "y" = %2
                }

                """)
    }

    @Test func theOrderOfNamesAndNamedValuesAreFree() throws {
        let graph = try Graph(
            parsing: """
                heterodyne 1 graph(%x "x": float32[2], %other "o": int8[]) { // a comment
                %twice = add(%x, %x): float32[2] return "y" = %twice }
                """)
        #expect(graph.inputNames == ["x", "o"])
        #expect(graph.nodes.count == 3)
    }

    @Test func randomGraphsRoundTrip() throws {
        for seed in 0..<200 {
            var generator = RandomGraph(seed: UInt64(seed))
            try Self.expectRoundTrip(
                generator.graph(nodes: 30), GraphTextOptions(inlineElementLimit: seed % 3 == 0 ? 0 : 16))
        }
    }

    @Test(arguments: ScalarType.allCases) func elementsKeepTheirBits(_ type: ScalarType) throws {
        var random = SplitMix64(seed: UInt64(type.rawValue))
        let all: [UInt64] =
            type.bitWidth <= 16
            ? (0..<(1 << UInt64(type.bitWidth))).map { $0 }
            : (0..<4000).map { _ in random.next() } + [
                0, 1 << UInt64(type.bitWidth - 1), .max, type.lowestBits, type.highestBits,
            ]
                + [type.bits(of: .nan), type.bits(of: 0.1), type.bits(of: 1e-40), type.bits(of: 1e300)]
        let builder = GraphBuilder()
        var bytes: [UInt8] = []
        for bits in all {
            if type.bitWidth == 4 {
                bytes.append(UInt8(bits | bits << 4))
            } else {
                for byte in 0..<type.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))) }
            }
        }
        let count = type.bitWidth == 4 ? 2 * all.count : all.count
        let storage = bytes.withUnsafeBytes { LiteralStorage(copying: $0) }
        try builder.output("x", builder.constant(Literal(type: TensorType(type, [count]), storage: storage)))
        let graph = try builder.build()
        try Self.expectRoundTrip(graph, GraphTextOptions(inlineElementLimit: .max))
        try Self.expectRoundTrip(graph)
    }

    @Test func oddFourBitLiteralsKeepTheirPadding() throws {
        for last: UInt8 in [0x07, 0xF7] {
            let storage = [0x21, last].withUnsafeBytes { LiteralStorage(copying: $0) }
            let builder = GraphBuilder()
            try builder.output("x", builder.constant(Literal(type: TensorType(.int4, [3]), storage: storage)))
            try Self.expectRoundTrip(builder.build())
        }
    }

    @Test func elidedConstantsShowADigestAndDoNotParse() throws {
        let builder = GraphBuilder()
        try builder.output("x", builder.constant(Literal([Float](repeating: 1, count: 17))))
        let graph = try builder.build()
        #expect(graph.description.contains("float32[17] elided \"fnv1a 0x"))
        let found = error { () throws(GraphError) in _ = try Graph(parsing: graph.description) }
        #expect(found?.kind == .parse)
        #expect(found?.message.contains("elided") == true)
        try Self.expectRoundTrip(graph)
    }

    @Test func symbolsOfAnySpellingStayApart() throws {
        let names = ["a b", "a*b", "floor", "floor(a, 2)", "é", "1", "\"", "a"]
        let builder = GraphBuilder()
        for (index, name) in names.enumerated() {
            let odd = try Extent.symbol(name).multiplied(by: 3).adding(1).floorDivided(by: 2)
            try builder.output("\(index)", builder.input("x\(index)", TensorType(.int8, [.symbol(name), odd])))
        }
        try Self.expectRoundTrip(builder.build())
        #expect(try Extent.symbol("a*b") != Extent.symbol("a").multiplied(by: .symbol("b")))
    }
}
