// The Internet checksum against a naive reference and against published examples.

import Testing

@testable import NetStack

/// RFC 1071 as it is written: 16 bits at a time, big-endian, carries added back.
func naiveSum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    var i = 0
    while i < bytes.count {
        sum += UInt32(bytes[i]) << 8 | (i + 1 < bytes.count ? UInt32(bytes[i + 1]) : 0)
        sum = (sum & 0xffff) + (sum >> 16)
        i += 2
    }
    return UInt16(sum)
}

func sum(_ bytes: [UInt8]) -> UInt16 {
    withBytes(bytes) {
        var checksum = Checksum()
        checksum.add($0, to: $0.byteCount)
        return checksum.folded
    }
}

@Suite struct ChecksumTests {
    @Test func checksumOfTheExampleInRFC1071() { #expect(sum(hex("0001 f203 f4f5 f6f7")) == 0xddf2) }

    @Test func checksumMatchesTheNaiveReferenceForEveryLengthAndAlignment() {
        var random = SeededRandom(seed: 7)
        for length in 0...200 {
            for _ in 0..<10 {
                let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                #expect(sum(bytes) == naiveSum(bytes), "length \(length)")
                let offset = Int.random(in: 0...length, using: &random)
                let part: UInt16 = withBytes(bytes) {
                    var checksum = Checksum()
                    checksum.add($0, from: offset, to: length)
                    return checksum.folded
                }
                #expect(part == naiveSum(Array(bytes[offset...])))
            }
        }
    }

    @Test func checksumKeepsEveryCarry() {
        for length in 0...130 {
            #expect(sum([UInt8](repeating: 0xff, count: length)) == naiveSum([UInt8](repeating: 0xff, count: length)))
        }
        #expect(sum(hex("ffffffffffffffff 0100000000000000")) == 0x0100)
        #expect(sum([UInt8](repeating: 0xff, count: 8) + [0, 1]) == 1)
        // Three folds of 16 bits: after two, bit 16 is still set.
        #expect(sum(hex("00000100 ffffffff")) == 0x0100)
    }

    @Test func checksumOverPiecesIsTheChecksumOfTheWhole() {
        var random = SeededRandom(seed: 8)
        let bytes = (0..<101).map { _ in UInt8.random(in: 0...255, using: &random) }
        for cut in stride(from: 0, through: 100, by: 2) {
            let pieces: UInt16 = withBytes(bytes) {
                var checksum = Checksum()
                checksum.add($0, to: cut)
                checksum.add($0, from: cut, to: 101)
                return checksum.folded
            }
            #expect(pieces == naiveSum(bytes))
        }
        var fields = Checksum()
        fields.add(UInt32(0xdead_beef))
        fields.add(UInt16(0x1234))
        #expect(fields.folded == naiveSum(hex("deadbeef1234")))
    }

    @Test func checksumUpdateEqualsChecksumFromScratch() {
        var random = SeededRandom(seed: 9)
        for _ in 0..<20_000 {
            var bytes = (0..<20).map { _ in UInt8.random(in: 0...255, using: &random) }
            let before = ~naiveSum(bytes), old = UInt16(bytes[4]) << 8 | UInt16(bytes[5])
            let new: UInt16 = [0, 0xffff, .random(in: 0...0xffff, using: &random)].randomElement(using: &random)!
            bytes[4] = UInt8(new >> 8)
            bytes[5] = UInt8(new & 255)
            #expect(Checksum.update(before, from: old, to: new) == ~naiveSum(bytes))
        }
        #expect(Checksum.update(0xdd2f, from: 0x5555, to: 0x3285) == 0x0000)  // the example in RFC 1624, section 4
    }

    @Test func checksumTellsDamageFromTheWhole() {
        let header = hex("45000073000040004011b861c0a80001c0a800c7")
        #expect(withBytes(header) { Checksum.isRight($0, to: 20) })
        for i in 0..<20 {
            var damaged = header
            damaged[i] ^= 0x10
            #expect(!withBytes(damaged) { Checksum.isRight($0, to: 20) })
        }
    }
}
