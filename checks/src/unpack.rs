//! Unpacks files while they are read: gzip, xz, zstd and the frames of lz4, with bounded memory.

use std::io::{self, BufRead, BufReader, Read};

use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What a decoder may keep of what it has unpacked: what `xz -9` asks for.
const MOST_MEMORY: u32 = 64 << 20;
/// What is unpacked of zstd before it is handed on.
const CHUNK: usize = 128 << 10;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Not at all.
    Plain,
    /// `.gz`
    Gzip,
    /// `.lz4`
    Lz4,
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
}

impl Packing {
    /// Every form with the end of its files' names, the unpacked one first.
    pub(crate) const ALL: [(&str, Self); 5] = [
        ("", Self::Plain),
        (".lz4", Self::Lz4),
        (".xz", Self::Xz),
        (".zst", Self::Zstd),
        (".gz", Self::Gzip),
    ];

    /// What a packed file holds. Whoever reads it bounds how much he takes.
    pub(crate) fn unpack<'a>(self, file: impl Read + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::Plain => Box::new(file),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(file)),
            // The decoder counts in kibibytes, and takes some beside its dictionary.
            Self::Xz => {
                Box::new(XzReader::new_mem_limit(BufReader::new(file), true, (MOST_MEMORY >> 10) + 1024))
            }
            Self::Zstd => Box::new(Zstd::new(file)),
        }
    }
}

/// A file of any number of frames of zstd, of which some may hold nothing but notes.
struct Zstd<R> {
    source: BufReader<R>,
    frames: FrameDecoder,
    inside: bool,
}

impl<R: Read> Zstd<R> {
    fn new(file: R) -> Self {
        let mut frames = FrameDecoder::new();
        frames.set_max_window_size(u64::from(MOST_MEMORY));
        Self { source: BufReader::new(file), frames, inside: false }
    }

    /// Goes to the next frame; false at the end of the file.
    fn next(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.frames.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
                    if skipped != length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
        Ok(false)
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.inside {
                while self.frames.can_collect() == 0 && !self.frames.is_finished() {
                    self.frames
                        .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBytes(CHUNK))
                        .map_err(|error| io::Error::other(error.to_string()))?;
                }
                match self.frames.read(buffer)? {
                    0 => self.inside = false,
                    read => return Ok(read),
                }
            } else if self.next()? {
                self.inside = true;
            } else {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'Package: a\n'` through `zstd`, `xz`, `lz4` and `gzip -n`.
    const LZ4: &[u8] = &[
        0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 0x0b, 0x00, 0x00, 0x80, b'P', b'a', b'c', b'k', b'a', b'g',
        b'e', b':', b' ', b'a', b'\n', 0, 0, 0, 0,
    ];

    fn text(packing: Packing, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        packing.unpack(bytes).take(1 << 20).read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_frame_of_lz4() {
        let bytes = [&LZ4[..LZ4.len() - 4], &[0, 0, 0, 0]].concat();
        assert!(text(Packing::Lz4, &bytes[..bytes.len() - 8]).is_err(), "a torn frame is no end");
        let _ = text(Packing::Lz4, &bytes);
    }

    #[test]
    fn nonsense_and_torn_files_are_errors() {
        for (_, packing) in Packing::ALL.into_iter().filter(|(_, packing)| *packing != Packing::Plain) {
            assert!(text(packing, b"Package: a\nVersion: 1\n\n").is_err(), "{packing:?}");
        }
        assert_eq!(text(Packing::Plain, b"Package: a").unwrap(), b"Package: a");
        // Frames of notes alone.
        assert_eq!(text(Packing::Zstd, &[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]).unwrap(), b"");
        assert!(text(Packing::Zstd, &[0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 7]).is_err());
    }
}
