// Heterodyne: the inference rules of every primitive.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct InferenceTests {
    @Test func theTableCoversEveryPrimitive() throws {
        #expect(PrimitiveCode.allCases.count == 44)
        #expect(Set(try PrimitiveCase.all().map(\.primitive.code)) == Set(PrimitiveCode.allCases))
    }

    @Test func goodOperandsGiveTheTypesInTheTable() throws {
        for entry in try PrimitiveCase.all() {
            #expect(try entry.primitive.inferTypes(entry.operands) == entry.results, "\(entry)")
        }
    }

    @Test func badOperandsAndAttributesAreRefusedByKindAndName() throws {
        for entry in try PrimitiveCase.all() {
            for (operands, kind) in entry.refuses {
                let found = error { () throws(GraphError) in _ = try entry.primitive.inferTypes(operands) }
                #expect(
                    found?.kind == kind, "\(entry.primitive.code.name)\(operands): \(found?.description ?? "taken")")
                #expect(found?.operation == entry.primitive.code.name)
            }
            for (primitive, kind) in entry.wrong {
                #expect(primitive.code == entry.primitive.code)
                let found = error { () throws(GraphError) in _ = try primitive.inferTypes(entry.operands) }
                #expect(found?.kind == kind, "\(primitive): \(found?.description ?? "taken")")
            }
        }
    }

    @Test func attributesReadBack() throws {
        for entry in try PrimitiveCase.all() {
            let attributes = entry.primitive.attributes
            #expect(try Primitive(code: entry.primitive.code, attributes: attributes) == entry.primitive)
            // One attribute less, one of the wrong kind and one too many are refused.
            for missing in attributes.entries {
                var less = Attributes()
                var wrong = Attributes()
                for item in attributes.entries {
                    if item.name != missing.name { try less.append(item.name, item.value) }
                    try wrong.append(item.name, item.name == missing.name ? .strings(["no"]) : item.value)
                }
                for broken in [less, wrong] {
                    let found = error { () throws(GraphError) in
                        _ = try Primitive(code: entry.primitive.code, attributes: broken)
                    }
                    #expect(found?.kind == .invalidAttribute)
                    #expect(found?.message.contains("'\(missing.name)'") == true)
                }
            }
            var more = attributes
            try more.append("extra", .bool(true))
            let found = error { () throws(GraphError) in
                _ = try Primitive(code: entry.primitive.code, attributes: more)
            }
            #expect(found?.message == "attribute 'extra' is unknown")
        }
    }

    @Test func aStridedSliceOfNegativeLengthIsRefused() throws {
        let n = Extent.symbol("n")
        let slice = Primitive.slice(starts: [try n.adding(1)], limits: [n], strides: [2])
        #expect(
            error { () throws(GraphError) in _ = try slice.inferTypes([TensorType(.float32, [n])]) }?.kind
                == .invalidAttribute)
    }

    @Test func aGatherFromAnEmptyDimensionNeedsAnEmptyResult() throws {
        let n = Extent.symbol("n")
        let gather = Primitive.gather(dimensions: [1])
        func result(_ x: Shape, _ indices: Shape) throws(GraphError) -> Shape {
            try gather.inferTypes([TensorType(.float32, x), TensorType(.int64, indices)])[0].shape
        }
        #expect(try result([2, 0], [0, 1]) == [0, 2])
        #expect(try result([0, 0], [7, 1]) == [7, 0])
        #expect(try result([2, 0], [n, 1]) == [n, 2])
        #expect(try result([2, n], [7, 1]) == [7, 2])
        let found = error { () throws(GraphError) in _ = try result([2, 0], [7, 1]) }
        #expect(found?.kind == .shapeMismatch)
        #expect(found?.message == "dimension 1 of float32[2, 0] has no element for indices int64[7, 1] to name")

        // What a symbol hides is refused where it is bound.
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [2, n]))
        try builder.output("y", x.gather(builder.input("i", TensorType(.int64, [7, 1])), dimensions: [1]))
        let graph = try builder.build()
        #expect(try graph.binding(["n": 1]).outputTypes == [TensorType(.float32, [7, 2])])
        #expect(error { () throws(GraphError) in _ = try graph.binding(["n": 0]) }?.kind == .shapeMismatch)
    }

    @Test func symbolicShapesFlowThroughMovementAndContraction() throws {
        let builder = GraphBuilder()
        let (n, m) = (Extent.symbol("n"), Extent.symbol("m"))
        let x = try builder.input("x", TensorType(.float32, [n, m, 4]))
        let flat = try x.reshape([try n.multiplied(by: m), 4])
        #expect(flat.type.description == "float32[m*n, 4]")
        let w = try builder.constant(Literal(Float(1), shape: [4, 5]))
        let y = try flat.dot(w, DotDimensions(leftContracting: [1], rightContracting: [0]))
        #expect(y.type.description == "float32[m*n, 5]")
        #expect(try y.reshape([m, n, 5]).type.description == "float32[m, n, 5]")
        let both = try builder.concatenate([x, x], dimension: 1)
        #expect(both.type.description == "float32[n, 2*m, 4]")
        let half = try both.slice(dimension: 1, from: 0, to: try m.multiplied(by: 2), stride: 2)
        #expect(half.type.description == "float32[n, floor(1+2*m, 2), 4]")
        #expect(
            try x.pad(0, low: [1, 0, 0], high: [2, 0, 0], interior: [1, 0, 0]).type.description
                == "float32[2+2*n, m, 4]")
    }
}
