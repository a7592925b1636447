// What the fuzzer starts from and what it ever found, through the same functions, without the fuzzer: a crash found
// once is a test for ever.

import Foundation
import FuzzTargets
import Testing

@Suite struct FuzzTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    /// Seeds, made of real captures.
    static let corpus = folder.deletingLastPathComponent().appendingPathComponent("Fuzz/Corpus")
    /// Inputs that once crashed, in a folder by the target's name.
    static let found = folder.appendingPathComponent("fuzz")

    static func inputs(_ target: FuzzTarget, in folder: URL) throws -> [Data] {
        let folder = folder.appendingPathComponent(target.rawValue)
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }.map { try Data(contentsOf: $0) }
    }

    func replay(_ input: Data, _ target: FuzzTarget) -> UInt64 { target.run([UInt8](input)) }

    @Test(arguments: FuzzTarget.allCases) func replaysSeedsAndWhatWasFound(target: FuzzTarget) throws {
        let seeds = try Self.inputs(target, in: Self.corpus)
        #expect(!seeds.isEmpty, "every target has seeds in Tests/Fuzz/Corpus")
        for input in try seeds + Self.inputs(target, in: Self.found) {
            #expect(replay(input, target) == replay(input, target))
        }
    }

    /// Cut short everywhere, and with each bit of the first bytes flipped: what a fuzzer tries first.
    @Test(arguments: FuzzTarget.allCases) func everyPrefixAndEveryFlippedBitReturns(target: FuzzTarget) throws {
        for seed in try Self.inputs(target, in: Self.corpus) {
            for count in stride(
                from: 0, through: min(seed.count, 600), by: target == .disk || target == .receive ? 29 : 1)
            {
                _ = replay(seed.prefix(count), target)
            }
            for bit in stride(from: 0, to: min(seed.count, 64) * 8, by: target == .disk || target == .receive ? 13 : 1)
            {
                var damaged = seed
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                _ = replay(damaged, target)
            }
        }
    }

    /// The seeds are worth starting from: they reach what lies behind checksums and identifiers.
    @Test(arguments: FuzzTarget.allCases.filter { $0 != .disk }) func seedsAreTaken(target: FuzzTarget) throws {
        #expect(try Self.inputs(target, in: Self.corpus).contains { replay($0, target) != 0 })
    }
}
