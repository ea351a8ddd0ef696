// Heterodyne: the language in which scripts ask for devices.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import Testing

@Suite("Requirements")
struct RequirementTests {
    /// The reference device under another description.
    private static func device(masking types: [ScalarType] = []) throws -> Device {
        let reference = try Device("reference")
        var descriptor = reference.descriptor
        descriptor.kind = .integratedGPU
        descriptor.isSoftware = true
        (descriptor.name, descriptor.vendor) = ("Quick RTX 4090", "Example & Sons")
        descriptor.threads = 12
        (descriptor.memoryByteCount, descriptor.freeMemoryByteCount) = (8 << 30, nil)
        let device = Device(descriptor: descriptor, backend: reference.backend)
        return types.isEmpty ? device : device.masking(types.map { TypeMask($0) })
    }

    @Test(
        "Clauses hold or not",
        arguments: [
            ("float64", true), ("float64.storage", true), ("float16.dot", true), ("bool", true), ("int4", true),
            ("int4.arithmetic", false), ("float32.matrixEngine", false), ("emulated(float64)", false),
            ("memory == 8GiB", true), ("memory>=8GiB", true), ("memory>8GiB", false), ("memory<8.5 GiB", true),
            ("memory >= 8000000000B", true), ("memory != 8GiB", false), ("memory<=8589934592", true),
            ("memory < 8.6GB", true), ("freememory > 0", false), ("freememory < 1TiB", false), ("threads==12", true),
            ("threads <= 11", false), ("maxbuffer >= 1MiB", true), ("backend == 'reference'", true),
            ("backend == reference", true), ("backend != \"reference\"", false), ("kind == integratedGPU", true),
            ("kind != 'cpu'", true), ("kind ~ gpu", true), ("name ~ 'rtx'", true), ("name !~ RTX", false),
            ("name == 'RTX'", false), ("vendor == 'Example & Sons'", true), ("id == 'reference'", true),
            ("software", true), ("!software", false), ("simulated", false), ("unified", true), ("masked", false),
            ("inference", true),
            ("training", true), ("supports(dot, float64)", true), ("supports(attention, float32)", true),
            ("supports(and, float32)", false), ("claims(attention)", false),
            ("float64 && software", true), ("float64 && masked", false), ("masked || software", true),
            ("masked || masked", false), ("masked && masked || software", true), ("software || masked && masked", true),
            ("(software || masked) && masked", false), ("!(masked || !software)", true), ("!!software", true),
            (" float64&&memory>=8GiB ", true), ("\tfloat64\n&& unified", true),
        ])
    func clauses(text: String, holds: Bool) throws {
        let failures = try Requirement(parsing: text).failures(on: Self.device())
        #expect(failures.isEmpty == holds, "\(failures)")
        for failure in failures { #expect(text.contains(failure.clause) && !failure.reason.isEmpty) }
    }

    @Test("A masked device lacks what is masked, and every failed clause is told")
    func failures() throws {
        let device = try Self.device(masking: [.float64])
        let text = "float64 && (memory > 9GiB || kind == cpu) && !software && supports(exp, float64) && masked"
        let failures = try Requirement(parsing: text).failures(on: device)
        #expect(
            failures.map(\.clause) == [
                "float64", "memory > 9GiB", "kind == cpu", "!software", "supports(exp, float64)",
            ])
        #expect(failures[0].reason == "it has no float64 at all")
        #expect(failures[1].reason == "it is 8.0 GiB")
        #expect(failures[2].reason == "it is 'integratedGPU'")
        #expect(failures[3].reason == "what is negated holds")
        #expect(failures[4].reason.contains("masked"))
        // `&&` binds more closely than `||`, and one that holds is enough.
        #expect(try Requirement(parsing: "float64 && float64 || masked").failures(on: device).isEmpty)
    }

    @Test(
        "What is wrong is said with its place",
        arguments: [
            ("", 0, "empty"), ("   ", 3, "missing"), ("float65", 0, "'float65' is not known"),
            ("float64.dots", 8, "no usage"), ("float64 &&", 10, "missing at the end"),
            ("float64 & int8", 8, "write &&"),
            ("a | b", 2, "write ||"), ("memory", 6, "compared with a number"), ("memory >= 'x'", 10, "a number"),
            ("memory >= 8 XiB", 12, "no unit"), ("memory ~ 8", 7, "is a number"), ("memory = 8", 7, "write =="),
            ("threads > 8GiB", 10, "has no unit"), ("memory > 8GiB 9", 14, "&& or ||"),
            ("(float64", 8, "( at character 1"),
            ("float64)", 7, "no ( for this )"), ("name < 'x'", 5, "is a text"), ("name == 4", 8, "a text is expected"),
            ("name == 'x", 8, "no closing '"), ("kind == gpu", 8, "discreteGPU"),
            ("supports(dott, float32)", 9, "'dott'"),
            ("supports(dot, float33)", 14, "no scalar type"), ("supports(dot)", 0, "other arguments"),
            ("claims(dot)", 7, "no composite"), ("frobs(x)", 0, "no function"), ("claims(4)", 7, "a name"),
            ("claims(attention", 16, "a ) is missing"), ("8GiB < memory", 0, "comes first"),
            ("colour == 'red'", 0, "memory"),
            ("memory >= 1.2.3", 10, "no number"), ("float64 # x", 8, "'#'"), ("|| x", 0, "write"),
        ] as [(String, Int, String)])
    func mistakes(text: String, position: Int, words: String) {
        do {
            _ = try Requirement(parsing: text)
            Issue.record("'\(text)' is understood")
        } catch {
            if text != "|| x" { #expect(error.message.contains(words), "\(error)") }
            #expect(error.position == position, "\(error)")
            let lines = error.description.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(
                lines.count == 3
                    && lines[2].firstIndex(of: "^") == lines[2].index(lines[2].startIndex, offsetBy: position + 2))
        }
    }

    @Test("Nesting and length have limits")
    func limits() throws {
        for (open, close) in [("(", ")"), ("!", "")] {
            func text(_ depth: Int) -> String {
                String(repeating: open, count: depth) + "float64" + String(repeating: close, count: depth)
            }
            _ = try Requirement(parsing: text(60))
            for depth in [65, 1000] {
                #expect(throws: RequirementError.self) { try Requirement(parsing: text(depth)) }
            }
        }
        #expect(throws: RequirementError.self) { try Requirement(parsing: String(repeating: "!", count: 100_000)) }
        let long = Array(repeating: "float64", count: 300).joined(separator: "&&")
        #expect(try Requirement(parsing: long).failures(on: Self.device()).isEmpty)
    }

    @Test("Nonsense is refused or understood, never a trap", arguments: 0..<8)
    func nonsense(seed: UInt64) throws {
        let seeds = [
            "float64 && memory>=8GiB", "!(software || masked) && name ~ 'RTX'",
            "supports(dot, float64) || claims(gelu)",
            "kind == discreteGPU", "freememory < 1.5e3", "emulated(int64)", "((float16.dot))", "'\"é\u{301}🙂' == name",
        ]
        let alphabet =
            Array("()!&|<>=~'\",. \n09aGiBé🙂\u{301}") + ["float64", "memory", "&&", "supports("].flatMap(Array.init)
        let device = try Self.device()
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        var understood = 0
        for _ in 0..<1500 {
            var characters = Array(seeds[random(seeds.count)])
            for _ in 0..<(1 + random(4)) {
                let place = random(characters.count + 1)
                switch random(4) {
                case 0: characters.insert(alphabet[random(alphabet.count)], at: place)
                case 1 where place < characters.count: characters.remove(at: place)
                case 2 where place < characters.count: characters[place] = alphabet[random(alphabet.count)]
                default: characters += characters.suffix(random(9))
                }
            }
            let text = String(characters)
            do {
                let requirement = try Requirement(parsing: text)
                understood += 1
                if !text.contains("supports") { _ = try requirement.failures(on: device) }
            } catch let error as RequirementError {
                #expect((0...text.count).contains(error.position) && !error.message.isEmpty, "'\(text)'")
            }
        }
        #expect(understood > 0)
    }
}
