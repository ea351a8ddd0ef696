// Heterodyne: tests of what owners of models say about missing scalar types.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneCompiler
import HeterodyneGraph
import Testing

@Suite("Scalar type policy")
struct PolicyTests {
    @Test("float64 falls back, everything else is emulated, unless something else is said")
    func defaults() {
        for type in ScalarType.allCases {
            #expect(ScalarTypePolicy.standard[type] == (type == .float64 ? .fallback : .emulate))
        }
        #expect(ScalarTypePolicy.standard.description.isEmpty)
    }

    @Test(
        "Policies are read and written",
        arguments: [
            "", "float64=emulate", "float64=demote,int64=error", "bfloat16=fallback,float16=error,uint64=demote",
        ])
    func roundTrip(text: String) throws {
        let policy = try ScalarTypePolicy(parsing: text)
        #expect(policy.description == text)
        #expect(try ScalarTypePolicy(parsing: policy.description) == policy)
    }

    @Test("One rule for all types leaves alone what cannot be demoted")
    func uniform() throws {
        #expect(try ScalarTypePolicy(parsing: "error") == .uniform(.error))
        let demoting = try ScalarTypePolicy(parsing: "demote")
        #expect(demoting[.float64] == .demote && demoting[.int64] == .demote && demoting[.bfloat16] == .emulate)
        let mixed = try ScalarTypePolicy(parsing: "error,float64=emulate")
        #expect(mixed[.float64] == .emulate && mixed[.int64] == .error)
        // A rule that is the default is no difference.
        var policy = ScalarTypePolicy()
        policy[.float64] = .error
        policy[.float64] = .fallback
        #expect(policy == .standard)
    }

    @Test(
        "What is no policy is refused with the word that is wrong",
        arguments: [
            ("float64", "'float64' is no rule"), ("float64=fly", "'fly' is no rule"), ("float65=error", "'float65'"),
            ("bfloat16=demote", "bfloat16 cannot be demoted"), ("=error", "''"),
        ])
    func nonsense(text: String, words: String) {
        do {
            _ = try ScalarTypePolicy(parsing: text)
            Issue.record("\(text) was read")
        } catch {
            #expect(error.kind == .parse && error.message.contains(words), "\(error.message)")
        }
    }
}
