// program-image OUTPUT-FOLDER PROGRAM...: makes linked user programs small enough for a disk image: what is not loaded
// (symbols, debugging information) is left out. The linked files keep it, for a debugger.

import ELF
import Foundation

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("program-image: \(message)\n".utf8))
    exit(1)
}

let arguments = CommandLine.arguments.dropFirst()
if arguments.contains("--help") {
    print(
        "usage: program-image OUTPUT-FOLDER PROGRAM...\nSaves each linked program without symbols in the folder, where it differs from what is there."
    )
    exit(0)
}
guard arguments.count >= 2, let folder = arguments.first else { fail("usage: program-image OUTPUT-FOLDER PROGRAM...") }
for path in arguments.dropFirst() {
    guard let linked = FileManager.default.contents(atPath: path) else { fail("\(path): cannot be read") }
    do {
        let small = try ELFImage(linked).trimmed()
        let output = URL(fileURLWithPath: folder).appendingPathComponent((path as NSString).lastPathComponent)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if FileManager.default.contents(atPath: output.path) != small { try small.write(to: output, options: .atomic) }
    } catch {
        fail("\(path): \(error)")
    }
}
