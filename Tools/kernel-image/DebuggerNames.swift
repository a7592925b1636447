// The names of functions for debuggers that do not know Swift's (gdb): `Disk.perform` instead of
// `$e6Kernel4DiskO7perform33_D256…FZ`.

import ELF
import Foundation

/// Writes each mangled name in `.debug_str` over with the name that the source has, which is shorter: `break` takes it
/// and `bt` shows it.
func nameFunctionsForDebuggers(_ image: inout Data, _ elf: ELFImage) {
    guard let bytes = elf.contents(ofSection: ".debug_str"), let start = elf.fileOffset(ofSection: ".debug_str") else {
        return
    }
    var places: [(offset: Int, name: String)] = []
    var offset = 0
    for text in bytes.split(separator: 0, omittingEmptySubsequences: false) {
        if text.starts(with: "$e".utf8) || text.starts(with: "$s".utf8) {
            places.append((offset, String(decoding: text, as: UTF8.self)))
        }
        offset += text.count + 1
    }
    for (place, demangled) in zip(places, demangle(places.map(\.name))) {
        let name = sourceName(demangled).utf8
        guard !name.isEmpty, name.count <= place.name.utf8.count else { continue }
        let padding = [UInt8](repeating: 0, count: place.name.utf8.count - name.count)
        let first = start + place.offset
        image.replaceSubrange(first..<first + place.name.utf8.count, with: Array(name) + padding)
    }
}

/// A demangled name without what tells overloads and specialisations apart.
private func sourceName(_ demangled: String) -> String {
    var name = demangled[...]
    for word in ["generic specialization of ", "specialized ", "static ", "@objc ", "merged "] {
        while name.hasPrefix(word) { name = name.dropFirst(word.count) }
    }
    return String(name.prefix { $0 != "(" }).replacingOccurrences(of: "<>", with: "")
        .replacingOccurrences(of: "closure #", with: "closure ").replacingOccurrences(of: "static ", with: "")
        .replacingOccurrences(of: "specialized ", with: "").trimmingCharacters(in: .whitespaces)
}
