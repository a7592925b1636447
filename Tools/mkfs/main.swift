// mkfs: makes disk images for Swiftlet and xv6, renews files in them, and shows what they hold.

import DiskImage
import FileSystem
import Foundation
import SystemInterface

let usage = """
    usage: mkfs [--blocks N | --size N] [--inodes N] [--log N] [--double-indirect] IMAGE [FILE | NAME=FILE]...
           mkfs --update IMAGE [FILE | NAME=FILE]...
           mkfs --list IMAGE
           mkfs --extract IMAGE NAME
           mkfs --remove IMAGE...

    Makes IMAGE, an xv6 file system, with each FILE in its root directory under its last path component, or under NAME.
      --blocks N         size in blocks of 1024 bytes (default 8192)
      --size N           size in bytes, with K, M or G behind the number: 128M
      --inodes N         number of inodes, at most 65536 (default 1024)
      --log N            blocks of the log with its header, at least 13 (default 31; more than 31 is of no use)
      --double-indirect  files up to 65803 blocks instead of 268; xv6 cannot read such an image
      --update           renew these files in an existing image, where they differ, and leave everything else as it is
      --list             print inode, type, links, size and name of what is in the root directory
      --extract          print a file's content
      --remove           remove these images, except those in use
      --help             this text
    Files have the time SOURCE_DATE_EPOCH, in seconds since 1970; none without that variable.
    An image that a running guest or another tool has open is left as it is.
    Exit status: 0 done, 1 failed, 3 an image is in use.
    """

struct Failure: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

typealias Image = FileSystem<HostPlatform<FileDisk, NoMonitor>>

func platform(_ disk: FileDisk) -> HostPlatform<FileDisk, NoMonitor> {
    let platform = HostPlatform<FileDisk, NoMonitor>(disk) {
        FileHandle.standardError.write(Data("mkfs: \($0)\n".utf8))
    }
    // The same files make the same image, whenever it is made: https://reproducible-builds.org/specs/source-date-epoch/
    platform.time = ProcessInfo.processInfo.environment["SOURCE_DATE_EPOCH"].flatMap { UInt32($0) } ?? 0
    return platform
}

func explain<R>(_ what: String, _ body: () throws(SystemError) -> R) throws -> R {
    do { return try body() } catch { throw Failure("\(what): \(error.message)") }
}

func mount(_ path: String) throws -> Image { try mount(FileDisk(path, writable: true), path) }

func mount(_ disk: FileDisk, _ path: String) throws -> Image {
    try explain(path) { () throws(SystemError) in try Image.mount(platform(disk), buffers: 512, inodes: 64) }
}

/// A file to put into the image, as the command line names it.
struct Entry {
    let name: String
    let content: [UInt8]

    init(_ argument: String) throws {
        let parts = argument.split(separator: "=", maxSplits: 1)
        let path = parts.count == 2 ? String(parts[1]) : argument
        name = parts.count == 2 ? String(parts[0]) : (path as NSString).lastPathComponent
        guard !name.isEmpty, name.utf8.count <= Limit.name, !name.contains("/"), name != ".", name != ".." else {
            throw Failure("\(argument): \"\(name)\" cannot be a name in the image (1 to \(Limit.name) bytes, no slash)")
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw Failure("\(path): cannot be read") }
        content = Array(data)
    }
}

func add(_ entries: [Entry], to image: Image) throws {
    for entry in entries {
        guard UInt64(entry.content.count) <= image.layout.mostFileBytes else {
            throw Failure(
                "\(entry.name): \(entry.content.count) bytes, but a file of this image may have \(image.layout.mostFileBytes)"
            )
        }
        if let old = try? image.contents(of: "/" + entry.name), old == entry.content { continue }
        try explain(entry.name) { () throws(SystemError) in try image.write(entry.content, to: "/" + entry.name) }
    }
    try explain("the log") { () throws(SystemError) in try image.synchronize() }
}

func list(_ image: Image) throws {
    try explain("/") { () throws(SystemError) in
        for (name, number) in try image.entries(of: "/") {
            let status = try image.fromRoot { root throws(SystemError) in
                let inode = try image.lookUp(Array(name.utf8).span, from: root)
                return try image.status(inode)
            }
            // What another wrote there does not steer the terminal.
            let shown = String(
                String.UnicodeScalarView(
                    name.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
            print(number, status.type, status.linkCount, status.size, shown, separator: "\t")
        }
    }
}

/// Blocks of a size such as 128M.
func size(_ text: String?) throws -> UInt32 {
    let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    let unit = text?.last.flatMap { units[Character($0.uppercased())] }
    guard let text, let number = UInt64(unit == nil ? text : String(text.dropLast())), number < 1 << 40,
        let blocks = UInt32(exactly: number * (unit ?? 1) / UInt64(blockSize)), blocks > 0
    else { throw Failure("--size: \(text ?? "nothing") is no size such as 64M, 2048K or 1G") }
    return blocks
}

func run(_ arguments: [String]) throws {
    var blocks: UInt32 = 8192
    var inodes: UInt32 = 1024
    var log: UInt32 = 31
    var doubleIndirect = false
    var mode = "make"
    var operands: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
        func number() throws -> UInt32 {
            guard let text = rest.popFirst(), let value = UInt32(text) else {
                throw Failure("\(argument) needs a number")
            }
            return value
        }
        switch argument {
        case "--help", "-h": return print(usage)
        case "--blocks": blocks = try number()
        case "--size": blocks = try size(rest.popFirst())
        case "--inodes": inodes = try number()
        case "--log": log = try number()
        case "--double-indirect": doubleIndirect = true
        case "--update", "--list", "--extract", "--remove": mode = argument
        case "--": operands += rest; rest = []
        case _ where argument.hasPrefix("-"): throw Failure("unknown option \(argument)\n\(usage)")
        default: operands.append(argument)
        }
    }
    guard let path = operands.first else { throw Failure("which image?\n\(usage)") }
    let names = operands.dropFirst()
    switch mode {
    case "--list":
        try list(mount(path))
    case "--extract":
        guard names.count == 1, let name = names.first else { throw Failure("--extract takes an image and one name") }
        let image = try mount(path)
        FileHandle.standardOutput.write(
            Data(try explain(name) { () throws(SystemError) in try image.contents(of: name) }))
    case "--update":
        let entries = try names.map(Entry.init)
        try add(entries, to: mount(path))
    case "--remove":
        for path in operands where FileManager.default.fileExists(atPath: path) {
            let disk = try FileDisk(path, writable: true)  // holds the lock
            defer { withExtendedLifetime(disk) {} }
            guard unsafe unlink(path) == 0 else { throw HostError(path, errno) }  // the string's own bytes
        }
    default:
        guard let layout = DiskLayout(blocks: blocks, inodes: inodes, log: log, doubleIndirect: doubleIndirect) else {
            throw Failure(
                "no file system has \(blocks) blocks, \(inodes) inodes and a log of \(log) blocks (see --help)")
        }
        let entries = try names.map(Entry.init)
        // Under another name until it is complete, so that a failure leaves no half image.
        let unfinished = path + ".unfinished"
        let old = FileManager.default.fileExists(atPath: path) ? try FileDisk(path, writable: true) : nil
        defer { withExtendedLifetime(old) {} }
        let disk = try FileDisk(unfinished, writable: true, blocks: blocks)
        defer { _ = unsafe unlink(unfinished) }  // the string's own bytes
        try explain(path) { () throws(SystemError) in try Image.format(platform(disk), layout) }
        try add(entries, to: mount(disk, unfinished))
        guard unsafe rename(unfinished, path) == 0 else { throw HostError(path, errno) }  // the strings' own bytes
    }
}

do {
    try run(Array(CommandLine.arguments.dropFirst()))
} catch let error as ImageInUse {
    FileHandle.standardError.write(Data("mkfs: \(error)\n".utf8))
    exit(3)
} catch {
    let message = (error as? Failure)?.message ?? "\(error)"
    FileHandle.standardError.write(Data("mkfs: \(message)\n".utf8))
    exit(1)
}
