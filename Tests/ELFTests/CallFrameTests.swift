// The sizes of frames, as kernel-image asks for them, of an ELF file that is made here.

import ELF
import Foundation
import Testing

@Suite struct CallFrameTests {
    /// What one function does to its stack pointer.
    private struct Function {
        let name: String
        let address: UInt64
        /// Call frame instructions behind the CIE's.
        let instructions: [UInt8]
    }

    private func word(_ value: Int, _ count: Int = 4) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func unsigned(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f | 0x80)] + unsigned(value >> 7)
    }

    /// DW_CFA_advance_loc 2, DW_CFA_def_cfa_offset.
    private func grow(to size: Int) -> [UInt8] { [0x42, 0x0e] + unsigned(size) }

    /// A linked program of these functions, 64 bytes each: headers of sections, symbols, call frames.
    private func image(_ functions: [Function]) -> Data {
        // The CIE: version 4, no augmentation, addresses of 8 bytes, code unit 1, data unit -4, ra; CFA = sp + 0.
        let common: [UInt8] = [4, 0, 8, 0, 1, 0x7c, 1, 0x0c, 2, 0]
        var frames = word(4 + common.count) + word(0xffff_ffff) + common
        var names: [UInt8] = [0]
        var symbols = [UInt8](repeating: 0, count: 24)
        for function in functions {
            let entry = word(0) + word(Int(function.address), 8) + word(64, 8) + function.instructions
            frames += word(entry.count) + entry
            symbols += word(names.count) + [0x12, 0] + word(1, 2) + word(Int(function.address), 8) + word(64, 8)
            names += Array(function.name.utf8) + [0]
        }
        let sectionNames: [UInt8] = [0] + Array(".debug_frame".utf8) + [0]
        let parts = [[], [UInt8](repeating: 0, count: 64), frames, symbols, names, sectionNames]
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 57)
        var offsets: [Int] = []
        for part in parts {
            offsets.append(file.count)
            file += part
        }
        let table = file.count
        // Type, flags, name, linked section of each: nothing, text, frames, symbols, their names, sections' names.
        let kinds = [(0, 0, 0, 0), (1, 6, 0, 0), (1, 0, 1, 0), (2, 0, 0, 4), (3, 0, 0, 0), (3, 0, 0, 0)]
        for (index, (type, flags, name, link)) in kinds.enumerated() {
            file +=
                word(name) + word(type) + word(flags, 8) + word(index == 1 ? 0x1000 : 0, 8) + word(offsets[index], 8)
            file += word(parts[index].count, 8) + word(link) + word(0) + word(1, 8) + word(0, 8)
        }
        file.replaceSubrange(40..<48, with: word(table, 8))
        file.replaceSubrange(60..<64, with: word(parts.count, 2) + word(parts.count - 1, 2))
        return Data(file)
    }

    @Test func functionsWithLargeFramesAreNamed() throws {
        let elf = try ELFImage(
            image([
                Function(name: "small", address: 0x1000, instructions: grow(to: 16)),
                Function(name: "fits", address: 0x1040, instructions: grow(to: 4096)),
                // In two steps, and back again.
                Function(
                    name: "large", address: 0x1080,
                    instructions: grow(to: 2032) + grow(to: 20_000) + grow(to: 2032) + grow(to: 0)),
                // Then addressed by the frame pointer.
                Function(name: "larger", address: 0x10c0, instructions: grow(to: 40_000) + [0x42, 0x0c, 8, 0]),
            ]))
        let found = try elf.functions(withFramesAbove: 4096)
        #expect(found.map(\.function.name) == ["larger", "large"] && found.map(\.size) == [40_000, 20_000])
        #expect(try elf.functions(withFramesAbove: 40_000).isEmpty)
        #expect(try elf.functions(withFramesAbove: 4095).map(\.function.name) == ["larger", "large", "fits"])
    }

    @Test func damagedFramesAreErrors() throws {
        let whole = image([Function(name: "f", address: 0x1000, instructions: grow(to: 16))])
        for place in 64..<150 {
            var damaged = whole
            damaged[place] = damaged[place] &+ 0x80
            // Nothing traps.
            _ = try? ELFImage(damaged).functions(withFramesAbove: 0)
        }
        var odd = whole
        let instruction = try #require(odd.firstRange(of: Data([0x42, 0x0e, 16])))
        odd[instruction.lowerBound + 1] = 0x2f
        let elf = try ELFImage(odd)
        #expect(throws: ELFError.self) { try elf.functions(withFramesAbove: 0).isEmpty }
    }
}
