// Heterodyne: wrong kernels are refused, with the reason; right ones print as expected.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import Testing

/// A wrong kernel, made by hand, and the case of the error.
struct WrongKernel: Sendable, CustomTestStringConvertible {
    let name: String
    let kernel: Kernel
    let expected: String
    var testDescription: String { name }

    init(_ name: String, _ expected: String, _ change: (inout Kernel) -> Void) {
        var kernel = Kernel(name: "wrong", workgroup: [.fixed(4), .fixed(1), .fixed(1)])
        kernel.buffers = [
            BufferDeclaration(name: "in", element: .f32, access: .read, slot: 0),
            BufferDeclaration(name: "out", element: .f32, access: .write, slot: 1),
        ]
        kernel.types = [.u32, .f32, .bool, .f32]
        kernel.body = [
            .define(ValueID(0), .builtin(.globalID(.x)), exact: true),
            .define(ValueID(1), .constant([0]), exact: true),
            .define(ValueID(2), .compare(.less, ValueID(0), ValueID(0)), exact: true),
        ]
        change(&kernel)
        self.name = name
        self.expected = expected
        self.kernel = kernel
    }

    static let table: [WrongKernel] = [
        WrongKernel("mixed operands", "typeMismatch") {
            $0.body.append(.define(ValueID(3), .binary(.add, ValueID(0), ValueID(1)), exact: true))
        },
        WrongKernel("wrong result", "typeMismatch") {
            $0.body.append(.define(ValueID(3), .binary(.add, ValueID(0), ValueID(0)), exact: true))
        },
        WrongKernel("float remainder", "typeMismatch") {
            $0.body.append(.define(ValueID(3), .binary(.remainder, ValueID(1), ValueID(1)), exact: true))
        },
        WrongKernel("not yet defined", "undefinedValue") {
            $0.body.append(.store(.buffer(1, index: ValueID(0)), ValueID(3)))
        },
        WrongKernel("no such value", "undefinedValue") {
            $0.body.append(.store(.buffer(1, index: ValueID(0)), ValueID(30)))
        },
        WrongKernel("out of its block", "undefinedValue") {
            let inside = Statement.define(ValueID(3), .constant([0]), exact: true)
            $0.body.append(.conditional(ValueID(2), then: [inside], otherwise: []))
            $0.body.append(.store(.buffer(1, index: ValueID(0)), ValueID(3)))
        },
        WrongKernel("defined twice", "redefinition") {
            $0.body.append(.define(ValueID(1), .constant([0]), exact: true))
        },
        WrongKernel("store to read-only", "access") {
            $0.body.append(.store(.buffer(0, index: ValueID(0)), ValueID(1)))
        },
        WrongKernel("load from write-only", "access") {
            $0.body.append(.define(ValueID(3), .load(.buffer(1, index: ValueID(0))), exact: true))
        },
        WrongKernel("float index", "typeMismatch") {
            $0.body.append(.define(ValueID(3), .load(.buffer(0, index: ValueID(1))), exact: true))
        },
        WrongKernel("no such buffer", "undeclared") {
            $0.body.append(.define(ValueID(3), .load(.buffer(5, index: ValueID(0))), exact: true))
        },
        WrongKernel("no such variable", "undeclared") { $0.body.append(.store(.variable(0), ValueID(1))) },
        WrongKernel("numeric condition", "typeMismatch") {
            $0.body.append(.conditional(ValueID(0), then: [], otherwise: []))
        },
        WrongKernel("barrier in a branch", "divergentBarrier") {
            $0.body.append(.conditional(ValueID(2), then: [.barrier(.workgroup)], otherwise: []))
        },
        WrongKernel("subgroup operation in a loop of different length", "divergentBarrier") {
            $0.types.append(.u32)
            let sum = Statement.define(ValueID(3), .subgroup(.add, .reduce, ValueID(1)), exact: true)
            $0.body.append(.loop(counter: ValueID(4), from: ValueID(0), to: ValueID(0), step: 1, [sum]))
        },
        WrongKernel("a step of zero", "invalidDeclaration") {
            $0.types.append(.u32)
            $0.body.append(.loop(counter: ValueID(4), from: ValueID(0), to: ValueID(0), step: 0, []))
        },
        WrongKernel("empty workgroup", "invalidDeclaration") { $0.workgroup[1] = .fixed(0) },
        WrongKernel("two edges", "invalidDeclaration") { $0.workgroup.removeLast() },
        WrongKernel("no name", "invalidDeclaration") { $0.name = "" },
        WrongKernel("vector of three in a buffer", "invalidType") { $0.buffers[0].element.width = 3 },
        WrongKernel("int4 value", "invalidType") {
            $0.types[3] = KernelType(.int4)
            $0.body.append(.define(ValueID(3), .constant([0]), exact: true))
        },
        WrongKernel("constant with too many bits", "typeMismatch") {
            $0.body.append(.define(ValueID(3), .constant([1 << 40]), exact: true))
        },
        WrongKernel("same specialization id", "redefinition") {
            let constant = SpecializationDeclaration(name: "s", id: 1, type: .u32, value: 1)
            $0.specializations = [constant, constant]
        },
        WrongKernel("byte as push constant", "invalidType") {
            $0.pushConstants = [PushConstantDeclaration(name: "p", type: .u8)]
        },
        WrongKernel("empty table", "invalidDeclaration") {
            $0.tables = [ConstantTable(name: "t", element: .f32, values: [])]
        },
        WrongKernel("atomic float minimum", "access") {
            let place = Place.buffer(1, index: ValueID(0))
            $0.body.append(.define(ValueID(3), .atomic(.minimum, place, ValueID(1)), exact: true))
        },
    ]
}

@Suite("Verifier and text")
struct VerifierTests {
    @Test("Wrong kernels", arguments: WrongKernel.table)
    func wrong(_ wrong: WrongKernel) throws {
        #expect {
            try wrong.kernel.verify()
        } throws: { error in
            "\(Mirror(reflecting: error).children.first?.label ?? "")" == wrong.expected
        }
        #expect(throws: KernelError.self) { try wrong.kernel.spirv() }
    }

    @Test("The kernel that the wrong ones start from is right")
    func right() throws { try WrongKernel("", "") { _ in }.kernel.verify() }

    @Test("The builder keeps its first mistake")
    func builder() throws {
        let k = KernelBuilder("mistake", workgroup: [4])
        let output = k.buffer("output", .u32, .write)
        let i = k.globalID(.x)
        output[i] = i + k.constant(1.5, .f32)
        #expect(throws: KernelError.typeMismatch("add: operands of types u32 and f32")) { try k.finish() }
    }

    @Test("bfloat16 is for storage only")
    func bfloat16() throws {
        let k = KernelBuilder("storage", workgroup: [4])
        let data = k.buffer("data", .bf16, .readWrite)
        let i = k.globalID(.x)
        data[i] = data[i] + data[i]
        #expect(throws: KernelError.typeMismatch("add: not defined on bf16")) { try k.finish() }
    }

    @Test("A barrier in a loop over a value from a variable that lanes change differently")
    func uniformity() throws {
        for isUniform in [true, false] {
            let k = KernelBuilder("loops", workgroup: [4])
            let n = k.pushConstant("n", .u32)
            let count = k.variable(n)
            k.while(count.value .> 0) {
                k.barrier()
                count.value = isUniform ? count.value - 1 : count.value - k.localID(.x)
            }
            if isUniform {
                _ = try k.finish()
            } else {
                #expect(throws: KernelError.self) { try k.finish() }
            }
        }
    }

    @Test("Text of a kernel")
    func text() throws {
        let expected = """
            kernel vector_add workgroup(8, 1, 1) {
                buffer a: f32 read slot 0
                buffer b: f32 read slot 1
                buffer c: f32 write slot 2
                push n: u32
                %0: u32 = push n
                %1: u32 = global_id.x
                %2: bool = lt %1, %0
                if %2 {
                    %3: f32 = load a[%1]
                    %4: f32 = load b[%1]
                    %5: f32 = add %3, %4 exact
                    store c[%1], %5
                }
            }
            """
        #expect(try Examples.vectorAdd().description == expected)
    }

    @Test("Text of loops")
    func loops() throws {
        let k = KernelBuilder("loops", workgroup: [2])
        let n = k.specialization("n", id: 4, .u32, bits: 3)
        let sum = k.variable(k.constant(bits: 0, KernelType(.float32, 2)))
        k.loop(from: k.constant(0, .u32), to: n, step: 2) { _ in
            k.while(sum.value[0] .< 4.0) { sum.value = k.splat(k.constant(-1.5, .f32), 2) }
        }
        let expected = """
            kernel loops workgroup(2, 1, 1) {
                spec n: u32 = 3 id 4
                var v0: f32x2
                %0: u32 = spec n
                %1: f32x2 = (0.0, 0.0)
                store v0, %1
                %2: u32 = 0
                for %3 in %2..<%0 step 2 {
                    while {
                        %4: f32x2 = load v0
                        %5: f32 = extract %4, 0
                        %6: f32 = 4.0
                        %7: bool = lt %5, %6
                    } %7 {
                        %8: f32 = -1.5
                        %9: f32x2 = construct %8, %8
                        store v0, %9
                    }
                }
            }
            """
        #expect(try k.finish().description == expected)
    }

    @Test("Text of a module")
    func module() throws {
        let text = try Examples.vectorAdd().spirv().text
        for line in [
            "; SPIR-V 1.5", "OpCapability Shader", "OpMemoryModel 0 1", "NoContraction", "= OpTypeFloat 32",
            "OpDecorate", "BuiltIn GlobalInvocationId", "OpExecutionMode %1 LocalSize 8 1 1", "OpSelectionMerge",
            "OpFAdd", "OpReturn", "OpFunctionEnd",
        ] { #expect(text.contains(line), "\(line) in\n\(text)") }
        #expect(try Examples.vectorAdd().spirv() == Examples.vectorAdd().spirv(), "emission is deterministic")
    }
}
