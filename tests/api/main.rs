//! The real program, started as an operator starts it and used as its clients use it, with the real
//! engine and the bundled model.
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod auth;
mod bad_input;
mod bucket;
mod by_url;
mod channels;
mod chaos;
mod clients;
mod command_line;
mod compatible_apis;
mod debug;
mod decoding;
mod devices;
mod doctor;
mod edits;
mod engine;
mod events;
mod failpoints;
mod first_run;
mod fixtures;
mod formats;
mod guides;
mod hub;
mod jobs;
mod lifecycle;
mod limits;
mod logs;
mod manual;
mod memory;
mod metrics;
mod models;
mod mutants;
mod no_speech;
mod openai;
mod openapi;
mod page;
mod postgres;
mod pulls;
mod recording;
mod restart;
mod s3_server;
mod search;
mod selection;
mod service;
mod several_services;
mod silero;
mod sink;
mod sites;
mod start;
mod subtitles;
mod supervisor;
mod torture;
#[cfg(feature = "otel")]
mod traces;
mod webhooks;
mod wyoming;
